/* tinygen_units.h -- readings in units, for sketches. Hand-written.
 *
 * A program that does not call these has nothing of them: the model itself has no float. A unit is
 * up / down raw steps: 10 / 1 for steps of 0.1.
 */
#ifndef TINYGEN_UNITS_H
#define TINYGEN_UNITS_H

#include <stdint.h>

/* Raw value of a reading, -32767 .. 32767, rounded half up; INT16_MIN for NaN: no reading. */
static inline int16_t tinygen_raw(float reading, int32_t up, int32_t down)
{
    const float steps = (reading * (float)up) / (float)down;
    int16_t whole;
    float part;
    if (!(steps < 32767.0f)) {
        return (steps >= 32767.0f) ? 32767 : INT16_MIN;
    }
    if (steps <= -32767.0f) {
        return -32767;
    }
    whole = (int16_t)steps;
    part = steps - (float)whole;
    return (int16_t)((part >= 0.5f) ? (whole + 1) : ((part < -0.5f) ? (whole - 1) : whole));
}

/* The reading, in its unit, of a raw value. */
static inline float tinygen_physical(int16_t raw, int32_t up, int32_t down)
{
    return ((float)raw * (float)down) / (float)up;
}

#endif
