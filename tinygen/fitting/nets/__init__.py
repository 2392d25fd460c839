"""Small ReLU nets: how one is trained, and which ones are."""
