"""Drivers of sensors on the I2C bus, one C file each."""
