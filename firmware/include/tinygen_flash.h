/* tinygen_flash.h -- tables that stay in flash, and how to read them. Hand-written.
 *
 * An AVR reads flash with an instruction of its own; elsewhere a table is plain constant data.
 */
#ifndef TINYGEN_FLASH_H
#define TINYGEN_FLASH_H

#include <stdint.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#define TINYGEN_ROM PROGMEM
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

#endif
