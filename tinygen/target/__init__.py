"""Programs for a chip: tools, compilers, projects, sizes and cycles measured in the simulator."""
