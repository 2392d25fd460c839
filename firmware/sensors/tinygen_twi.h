/* tinygen_twi.h -- registers of a device on the I2C bus, by the chip's TWI at 400 kHz, polled.
 *
 * Every call ends: a device that does not answer, and a bus that somebody holds down, are error
 * codes. The bus needs pull-up resistors, which most sensor boards have on them.
 */
#ifndef TINYGEN_TWI_H
#define TINYGEN_TWI_H

#include <avr/io.h>
#include <stdint.h>

#ifndef TINYGEN_TWI_HZ
#define TINYGEN_TWI_HZ 400000UL
#endif

enum { /* what a call returns */
    TWI_OK = 0,
    TWI_NO_ANSWER = 1,   /* no device has this address, or it does not take a byte */
    TWI_STUCK = 2,       /* nothing happens on the bus: a line is held low, or a wire is missing */
    TWI_OTHER_DEVICE = 3 /* a driver's: another device answers at this address */
};

/* Looks at a flag of TWCR, 8 cycles each: half a millisecond, 20 bytes' time. */
#define TWI_LOOKS 1000u

/* Status codes, datasheet table 21-3 and 21-4. */
#define TWI_STARTED 0x08u
#define TWI_STARTED_AGAIN 0x10u
#define TWI_WRITE_TAKEN 0x18u
#define TWI_BYTE_TAKEN 0x28u
#define TWI_READ_TAKEN 0x40u
#define TWI_GOT 0x50u
#define TWI_GOT_LAST 0x58u

static inline void twi_begin(void)
{
    TWSR = 0;
    TWBR = (uint8_t)((F_CPU / TINYGEN_TWI_HZ - 16UL) / 2UL);
    TWCR = (uint8_t)_BV(TWEN);
}

/* One step of the bus; its error code, where `wanted` is the status that it should end with. */
static inline uint8_t twi_step(uint8_t control, uint8_t wanted)
{
    uint16_t looks = TWI_LOOKS;

    TWCR = (uint8_t)(_BV(TWINT) | _BV(TWEN) | control);
    while (!(TWCR & _BV(TWINT)))
        if (--looks == 0)
            return TWI_STUCK;
    return (TWSR & 0xF8u) == wanted ? TWI_OK : TWI_NO_ANSWER;
}

static inline uint8_t twi_put(uint8_t octet, uint8_t wanted)
{
    TWDR = octet;
    return twi_step(0, wanted);
}

/* Frees the bus; hands on the error code. */
static inline uint8_t twi_end(uint8_t error)
{
    uint16_t looks = TWI_LOOKS;

    if (error == TWI_STUCK)
        TWCR = 0; /* off: both lines are let go */
    TWCR = (uint8_t)(_BV(TWINT) | _BV(TWEN) | (error == TWI_STUCK ? 0 : _BV(TWSTO)));
    while (TWCR & _BV(TWSTO))
        if (--looks == 0)
            return TWI_STUCK;
    return error;
}

static inline uint8_t twi_select(uint8_t address, uint8_t reg)
{
    uint8_t error = twi_step((uint8_t)_BV(TWSTA), TWI_STARTED);

    if (error == TWI_OK)
        error = twi_put((uint8_t)(address << 1), TWI_WRITE_TAKEN);
    return error == TWI_OK ? twi_put(reg, TWI_BYTE_TAKEN) : error;
}

/* Writes one register of the device at a 7-bit address. */
static inline uint8_t twi_write(uint8_t address, uint8_t reg, uint8_t value)
{
    uint8_t error = twi_select(address, reg);

    if (error == TWI_OK)
        error = twi_put(value, TWI_BYTE_TAKEN);
    return twi_end(error);
}

/* Reads `count` registers that follow each other, at least one. */
static inline uint8_t twi_read(uint8_t address, uint8_t reg, uint8_t *to, uint8_t count)
{
    uint8_t error = twi_select(address, reg);

    if (error == TWI_OK)
        error = twi_step((uint8_t)_BV(TWSTA), TWI_STARTED_AGAIN);
    if (error == TWI_OK)
        error = twi_put((uint8_t)(address << 1 | 1), TWI_READ_TAKEN);
    for (; error == TWI_OK && count != 0; count--) {
        error = count > 1 ? twi_step((uint8_t)_BV(TWEA), TWI_GOT) : twi_step(0, TWI_GOT_LAST);
        *to++ = TWDR;
    }
    return twi_end(error);
}

#endif
