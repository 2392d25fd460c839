"""A header that needs no file beside it: the runtime inside, without what the model does not use.

`items` reads the hand-written headers as definitions, `expansion` writes out the functions that
macros define, `reach` finds what a model calls, `header` prints what is left.
"""
