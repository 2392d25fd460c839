"""The integer model: fixed-point arithmetic, nodes, the chain of nodes and its JSON file."""
