"""A small stand-in for the platform `atmelavr`: same name, same output, any local AVR compiler."""
