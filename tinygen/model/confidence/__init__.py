"""How sure an answer is: the class that no other comes near to, the error bar of a number."""
