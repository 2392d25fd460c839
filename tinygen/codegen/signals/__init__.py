"""C of a model of signals: its headers, a run of samples with decisions, a sketch of its own."""
