"""The host side: virtual board, link, protocol, stream and check."""


def register() -> None:
    """Teach pyserial the `avr://` URL: serial.serial_for_url("avr://uno/path/to/firmware.elf")."""
    import serial

    package = f"{__name__}.virtual"
    if package not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(package)
