"""The Arduino core and the board's variant, compiled from the local framework package."""

from os.path import isdir, join

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
framework = env.PioPlatform().get_package_dir("framework-arduino-avr")
core = join(framework, "cores", board.get("build.core"))
variant = join(framework, "variants", board.get("build.variant"))

env.Append(
    CPPDEFINES=[("ARDUINO", 10808), "ARDUINO_ARCH_AVR"],
    CPPPATH=[core, variant],
    LIBSOURCE_DIRS=[join(framework, "libraries")],
)
if "build.usb_vid" in board:
    env.Append(
        CPPDEFINES=[
            ("USB_VID", board.get("build.usb_vid")),
            ("USB_PID", board.get("build.usb_pid")),
            ("USB_MANUFACTURER", env.StringifyMacro("Unknown")),
            ("USB_PRODUCT", env.StringifyMacro(board.get("build.usb_product"))),
        ]
    )
if isdir(variant):
    env.BuildSources(join("$BUILD_DIR", "FrameworkArduinoVariant"), variant)
env.Prepend(LIBS=[env.BuildLibrary(join("$BUILD_DIR", "FrameworkArduino"), core)])
