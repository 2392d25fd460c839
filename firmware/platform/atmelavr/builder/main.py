"""How one environment becomes firmware.elf, firmware.hex and an upload; run by PlatformIO's SCons.

Flags follow `platform.txt` of the Arduino AVR core, without `-g`: debug data would carry paths.
"""

from os.path import join

from SCons.Script import AlwaysBuild, Builder, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()

# PlatformIO keeps SCons' notes of what was built from what in the shared cache of compiled files;
# there, another project's notes pass for this one's, and a changed source is not compiled.
env.SConsignFile(env.subst(join("$BUILD_DIR", ".sconsign")))

env.Replace(
    AR="avr-gcc-ar",  # the gcc- wrappers know LTO objects
    RANLIB="avr-gcc-ranlib",
    AS="avr-as",
    CC="avr-gcc",
    CXX="avr-g++",
    OBJCOPY="avr-objcopy",
    SIZETOOL="avr-size",
    ARFLAGS=["rcs"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPRINTCMD="$SIZETOOL --mcu=$BOARD_MCU -C -d $SOURCES",
    SIZEPROGREGEXP=r"^(?:\.text|\.data|\.rodata|\.bootloader)\s+([0-9]+).*",
    SIZEDATAREGEXP=r"^(?:\.data|\.bss|\.noinit)\s+([0-9]+).*",
)

machine = ["-mmcu=$BOARD_MCU"]
env.Append(
    ASFLAGS=machine,
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CCFLAGS=machine + ["-Os", "-Wall", "-ffunction-sections", "-fdata-sections", "-flto"],
    CFLAGS=["-std=gnu11", "-fno-fat-lto-objects"],
    CXXFLAGS=[
        "-std=gnu++11",
        "-fno-exceptions",
        "-fno-threadsafe-statics",
        "-fpermissive",
        "-Wno-error=narrowing",
    ],
    LINKFLAGS=machine + ["-Os", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections"],
    LIBS=["m"],
    CPPDEFINES=[
        ("F_CPU", "$BOARD_F_CPU"),
        # GCC 5.4 hides DECIMAL_DIG from C++11, and core 1.8.7 needs it; no effect on later ones
        ("DECIMAL_DIG", "__DECIMAL_DIG__"),
    ],
    BUILDERS={
        "ElfToHex": Builder(
            action=env.VerboseAction(
                "$OBJCOPY -O ihex -R .eeprom $SOURCES $TARGET", "Building $TARGET"
            ),
            suffix=".hex",
        )
    },
)

elf = env.BuildProgram()
hex_file = env.ElfToHex(join("$BUILD_DIR", "${PROGNAME}"), elf)
AlwaysBuild(env.Alias("size", elf, env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE")))
AlwaysBuild(env.Alias("buildprog", hex_file, hex_file))
AlwaysBuild(env.Alias("nobuild", hex_file))


def find_port(target, source, env):
    """Settle UPLOAD_PORT; boards with USB in the chip enter their bootloader on a 1200-baud
    touch.
    """
    env.AutodetectUploadPort()
    upload = env.BoardConfig().get("upload", {})
    if upload.get("use_1200bps_touch"):
        from platformio.device.list.util import list_serial_ports

        before = list_serial_ports()
        env.TouchSerialPort("$UPLOAD_PORT", 1200)
        if upload.get("wait_for_upload_port"):
            env.Replace(UPLOAD_PORT=env.WaitForNewSerialPort(before))


env.Replace(
    UPLOADER="avrdude",
    UPLOADERFLAGS=[
        "-p",
        "$BOARD_MCU",
        "-c",
        "$UPLOAD_PROTOCOL",
        "-b",
        "$UPLOAD_SPEED",
        "-D",
        "-P",
        '"$UPLOAD_PORT"',
    ],
    UPLOADCMD='$UPLOADER $UPLOADERFLAGS -U "flash:w:${SOURCE.path}:i"',
)
avrdude = env.PioPlatform().get_package_dir("tool-avrdude")
if avrdude:
    env.Append(UPLOADERFLAGS=["-C", f'"{join(avrdude, "avrdude.conf")}"'])
env.AddPlatformTarget(
    "upload",
    hex_file,
    [
        env.VerboseAction(find_port, "Looking for upload port..."),
        env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE"),
    ],
    "Upload",
)

Default([hex_file])
