/* tinygen_mpu6050.h -- acceleration and turning rate of an MPU-6050 (also MPU-6500, -9250), raw.
 *
 *   static int16_t sample[MPU6050_CHANNELS];
 *   if (mpu6050_begin() == 0 && mpu6050_read(sample) == 0) ...
 *
 * ax, ay, az in steps of 1/16384 g (-2 .. 2 g), then gx, gy, gz in steps of 1/131 degree a second
 * (-250 .. 250). The sensor measures 1000 times a second behind a low pass of 184 Hz.
 * The lowest value is -32767: -32768 means "no value".
 */
#ifndef TINYGEN_MPU6050_H
#define TINYGEN_MPU6050_H

#include "tinygen_twi.h"

#define MPU6050_CHANNELS 6u
#ifndef MPU6050_ADDRESS
#define MPU6050_ADDRESS 0x68u /* 0x69 with its pin AD0 high */
#endif

/* Registers: RM-MPU-6000A, revision 4.2 */
#define MPU6050_DIVIDER 0x19u /* SMPLRT_DIV, CONFIG, GYRO_CONFIG, ACCEL_CONFIG follow each other */
#define MPU6050_VALUES 0x3Bu  /* ax, ay, az, temperature, gx, gy, gz, the high byte first */
#define MPU6050_POWER 0x6Bu
#define MPU6050_WHO 0x75u

/* Wakes the sensor and sets it up; 0, or an error code of tinygen_twi.h. */
static inline uint8_t mpu6050_begin(void)
{
    static const uint8_t settings[4] = {0, 1, 0, 0}; /* 1 kHz, 184 Hz, 250 degree/s, 2 g */
    uint8_t who = 0, error;

    twi_begin();
    error = twi_read(MPU6050_ADDRESS, MPU6050_WHO, &who, 1);
    if (error == TWI_OK && who != 0x68u && who != 0x70u && who != 0x71u)
        error = TWI_OTHER_DEVICE;
    if (error == TWI_OK)
        error = twi_write(MPU6050_ADDRESS, MPU6050_POWER, 1); /* awake, clock of the gyroscope */
    for (uint8_t i = 0; i < sizeof settings && error == TWI_OK; i++)
        error = twi_write(MPU6050_ADDRESS, (uint8_t)(MPU6050_DIVIDER + i), settings[i]);
    return error;
}

/* Reads one sample, all of it of one moment; 0, or an error code, and then `sample` is not set. */
static inline uint8_t mpu6050_read(int16_t sample[MPU6050_CHANNELS])
{
    uint8_t raw[14];
    const uint8_t error = twi_read(MPU6050_ADDRESS, MPU6050_VALUES, raw, sizeof raw);

    if (error != TWI_OK)
        return error;
    for (uint8_t i = 0; i < MPU6050_CHANNELS; i++) {
        const uint8_t at = (uint8_t)(2u * i + (i < 3u ? 0u : 2u)); /* not the temperature */
        const int16_t value = (int16_t)((uint16_t)raw[at] << 8 | raw[at + 1u]);
        sample[i] = value == INT16_MIN ? (int16_t)(INT16_MIN + 1) : value;
    }
    return TWI_OK;
}

#endif
