"""The virtual board: one simulated Arduino on libsimavr, its wire, pins and clock."""
