/* tinygen_adxl345.h -- acceleration of an ADXL345, raw.
 *
 *   static int16_t sample[ADXL345_CHANNELS];
 *   if (adxl345_begin() == 0 && adxl345_read(sample) == 0) ...
 *
 * x, y, z in steps of 1/256 g (-16 .. 16 g). The sensor measures 1600 times a second.
 */
#ifndef TINYGEN_ADXL345_H
#define TINYGEN_ADXL345_H

#include "tinygen_twi.h"

#define ADXL345_CHANNELS 3u
#ifndef ADXL345_ADDRESS
#define ADXL345_ADDRESS 0x53u /* 0x1D with its pin SDO high */
#endif

/* Registers: ADXL345 datasheet, revision G, table 19 */
#define ADXL345_WHO 0x00u
#define ADXL345_RATE 0x2Cu
#define ADXL345_POWER 0x2Du
#define ADXL345_FORMAT 0x31u
#define ADXL345_VALUES 0x32u /* x, y, z, the low byte first */

/* Sets the sensor up and wakes it; 0, or an error code of tinygen_twi.h. */
static inline uint8_t adxl345_begin(void)
{
    uint8_t who = 0, error;

    twi_begin();
    error = twi_read(ADXL345_ADDRESS, ADXL345_WHO, &who, 1);
    if (error == TWI_OK && who != 0xE5u)
        error = TWI_OTHER_DEVICE;
    if (error == TWI_OK)
        error = twi_write(ADXL345_ADDRESS, ADXL345_RATE, 0x0E); /* 1600 Hz */
    if (error == TWI_OK)
        error = twi_write(ADXL345_ADDRESS, ADXL345_FORMAT, 0x0B); /* full resolution, 16 g */
    return error == TWI_OK ? twi_write(ADXL345_ADDRESS, ADXL345_POWER, 0x08) : error;
}

/* Reads one sample, all of it of one moment; 0, or an error code, and then `sample` is not set. */
static inline uint8_t adxl345_read(int16_t sample[ADXL345_CHANNELS])
{
    uint8_t raw[6];
    const uint8_t error = twi_read(ADXL345_ADDRESS, ADXL345_VALUES, raw, sizeof raw);

    for (uint8_t i = 0; i < ADXL345_CHANNELS && error == TWI_OK; i++)
        sample[i] = (int16_t)((uint16_t)raw[2u * i + 1u] << 8 | raw[2u * i]);
    return error;
}

#endif
