/* tinygen_alarm.h -- when the red LED is lit: above a threshold, below one, or outside a band
 * between two, with two optional delays.
 *
 * Hysteresis: a lit alarm ends only where the answer is inside by `hysteresis` or more; above a
 * threshold that is at `threshold - hysteresis` or below. Debounce: a change must be asked for by
 * `debounce` more answers in a row. Both 0: red beyond a threshold, green at it and inside. An
 * answer that is missing changes nothing, and neither does the same row sent again.
 *
 * Pure, C99 and C++11. The Python twin is `Alarm` in host/check.py.
 */
#ifndef TINYGEN_ALARM_H
#define TINYGEN_ALARM_H

#include <stdint.h>

/* Raw steps of the output, counted from the threshold inwards, at which an alarm ends. */
#ifndef TINYGEN_ALARM_HYSTERESIS
#define TINYGEN_ALARM_HYSTERESIS 0
#endif
/* Answers in a row, after the first, that a change needs. */
#ifndef TINYGEN_ALARM_DEBOUNCE
#define TINYGEN_ALARM_DEBOUNCE 0
#endif
/* 1: both LEDs are dark for a row with a value outside of the accepted range. */
#ifndef TINYGEN_ALARM_DARK_OUTSIDE
#define TINYGEN_ALARM_DARK_OUTSIDE 0
#endif

#define TINYGEN_ALARM_REMEMBERS (TINYGEN_ALARM_HYSTERESIS > 0 || TINYGEN_ALARM_DEBOUNCE > 0)

#if TINYGEN_ALARM_HYSTERESIS < 0 || TINYGEN_ALARM_HYSTERESIS > 65535 || TINYGEN_ALARM_DEBOUNCE < 0 \
    || TINYGEN_ALARM_DEBOUNCE > 255
#error "TINYGEN_ALARM_HYSTERESIS is 0 .. 65535 raw steps, TINYGEN_ALARM_DEBOUNCE 0 .. 255 answers"
#endif
/* TINYGEN_ALARM_BAND: raw steps from the low threshold to the high one, where there are two. */
#if defined TINYGEN_ALARM_BAND && 2L * TINYGEN_ALARM_HYSTERESIS > TINYGEN_ALARM_BAND
#error "TINYGEN_ALARM_HYSTERESIS is more than half of the band: an alarm could never end"
#endif

typedef struct {
    uint8_t red;   /* the alarm is on; starts off */
    uint8_t asked; /* answers in a row that asked for the other state */
} tinygen_alarm;

/* Takes whether one answer asks for an alarm; true if the alarm is on afterwards. Always
 * inlined: as few bytes as if it stood in the function that calls it. */
static inline __attribute__((always_inline)) uint8_t
tinygen_alarm_change(tinygen_alarm *alarm, uint8_t wanted)
{
    if (wanted == alarm->red) {
        alarm->asked = 0;
    } else if (alarm->asked == TINYGEN_ALARM_DEBOUNCE) {
        alarm->red = wanted;
        alarm->asked = 0;
    } else {
        alarm->asked++;
    }
    return alarm->red;
}

/* Each takes one answer; true if the alarm is on afterwards. The sums lie within +-2^17. */

static inline uint8_t tinygen_alarm_step(tinygen_alarm *alarm, int16_t y, int16_t threshold)
{
    const int32_t limit = alarm->red ? (int32_t)threshold - TINYGEN_ALARM_HYSTERESIS : threshold;

    return tinygen_alarm_change(alarm, y > limit);
}

static inline uint8_t tinygen_alarm_below(tinygen_alarm *alarm, int16_t y, int16_t threshold)
{
    const int32_t limit = alarm->red ? (int32_t)threshold + TINYGEN_ALARM_HYSTERESIS : threshold;

    return tinygen_alarm_change(alarm, y < limit);
}

/* With a hysteresis of more than half of the band the alarm would never end. */
static inline uint8_t tinygen_alarm_outside(tinygen_alarm *alarm, int16_t y, int16_t low,
                                            int16_t high)
{
    const int32_t inwards = alarm->red ? TINYGEN_ALARM_HYSTERESIS : 0;

    return tinygen_alarm_change(alarm, y < low + inwards || y > high - inwards);
}

#endif
