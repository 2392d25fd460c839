"""What is connected to a virtual board: voltages at its analog pins, sensors on its bus."""
