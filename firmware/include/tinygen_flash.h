/* tinygen_flash.h -- tables that stay in flash, and how to read them. Hand-written.
 *
 * An AVR reads flash with an instruction of its own, LPM; elsewhere a table is plain constant data.
 * LPM reaches the first 64 KB. On a chip with more, such as the Mega's, our tables stand in the
 * section that the linker puts before everybody else's, so that large tables of a sketch or of
 * another library cannot push them out of reach. Only more than 64 KB of our own can;
 * tinygen_in_reach() tells.
 */
#ifndef TINYGEN_FLASH_H
#define TINYGEN_FLASH_H

#include <stdint.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#ifdef __AVR_HAVE_ELPM__
#define TINYGEN_ROM __attribute__((__section__(".progmem.gcc_tinygen")))
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

#ifdef __AVR_HAVE_ELPM__
#ifdef __cplusplus
extern "C" {
#endif
extern const uint8_t __trampolines_start; /* the linker's: first byte behind our tables */
#ifdef __cplusplus
}
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
