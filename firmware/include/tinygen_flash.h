/* tinygen_flash.h -- tables that stay in flash, and how to read them. Hand-written.
 *
 * An AVR reads flash with an instruction of its own, LPM; elsewhere a table is plain constant data.
 * LPM reaches the first 64 KB. On a chip with more, such as the Mega's, our tables stand in the
 * section that the linker puts before everybody else's, so that large tables of a sketch or of
 * another library cannot push them out of reach. Only more than 64 KB of our own can;
 * tinygen_in_reach() tells.
 *
 * A header that several files of a program include leaves its tables in flash once for each of
 * them, unless TINYGEN_SHARED is defined for all of these files (-DTINYGEN_SHARED). The linker then
 * keeps one copy, and refuses headers of one name whose tables differ. It takes GCC with
 * -fdata-sections and --gc-sections, as the Arduino IDE and PlatformIO give them.
 */
#ifndef TINYGEN_FLASH_H
#define TINYGEN_FLASH_H

#include <stdint.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#ifdef __AVR_HAVE_ELPM__
#ifdef TINYGEN_SHARED /* a section for each table, so that the linker can drop one alone */
#define TINYGEN_ROM TINYGEN_ROM_NUMBERED(__COUNTER__)
#define TINYGEN_ROM_NUMBERED(n) TINYGEN_ROM_NAMED(n)
#define TINYGEN_ROM_NAMED(n) __attribute__((__section__(".progmem.gcc_tinygen." #n)))
#else
#define TINYGEN_ROM __attribute__((__section__(".progmem.gcc_tinygen")))
#endif
#else
#define TINYGEN_ROM PROGMEM
#endif
#define TINYGEN_READ_I8(p) ((int8_t)pgm_read_byte(p))
#define TINYGEN_READ_U8(p) ((uint8_t)pgm_read_byte(p))
#define TINYGEN_READ_I16(p) ((int16_t)pgm_read_word(p))
#define TINYGEN_READ_U16(p) ((uint16_t)pgm_read_word(p))
#define TINYGEN_READ_I32(p) ((int32_t)pgm_read_dword(p))
#else
#define TINYGEN_ROM
#define TINYGEN_READ_I8(p) (*(p))
#define TINYGEN_READ_U8(p) ((uint8_t)*(p))
#define TINYGEN_READ_I16(p) (*(p))
#define TINYGEN_READ_U16(p) (*(p))
#define TINYGEN_READ_I32(p) (*(p))
#endif

#ifndef TINYGEN_SHARED
#define TINYGEN_TABLE static
#define TINYGEN_ONE_MODEL(name, id)
#else
#ifdef __cplusplus
#define TINYGEN_TABLE extern __attribute__((__weak__))
#else
#define TINYGEN_TABLE __attribute__((__weak__))
#endif
/* Two absolute symbols of one name must have one value, or the linker stops. */
#define TINYGEN_ONE_MODEL(name, id) \
    __asm__(".global tinygen_tables_of_" #name "\n.set tinygen_tables_of_" #name ", " #id);
#endif

#ifdef __AVR_HAVE_ELPM__
/* the linker's: first byte behind our tables */
#ifdef __cplusplus
extern "C" const uint8_t __trampolines_start;
#else
extern const uint8_t __trampolines_start;
#endif

/* 1 if all tables of all models in the program can be read, 0 if some lie beyond reach. */
static inline uint8_t tinygen_in_reach(void)
{
    return pgm_get_far_address(__trampolines_start) <= 0x10000UL;
}
#else
static inline uint8_t tinygen_in_reach(void)
{
    return 1;
}
#endif

#endif
