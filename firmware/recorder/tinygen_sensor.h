/* tinygen_sensor.h -- samples of a sensor on the I2C bus, read when a timer says so.
 *
 * Timer 1 counts one tick every 8 cycles and starts anew after each period (OCR1A). The interrupt
 * of its compare match B reads the sensor with interrupts allowed: bytes of the serial port go on
 * meanwhile. A match that comes while the sensor is still being read is a sample without a value.
 */
#ifndef TINYGEN_SENSOR_H
#define TINYGEN_SENSOR_H

#include "tinygen_ring.h"

#define FIRST_TICK 64u

static bool reading;
static uint8_t skipped; /* matches while a sample was read */

static void without_value(void)
{
    for (uint8_t i = 0; i < RECORD_CHANNELS; i++)
        ring[ring_slot][i] = INT16_MIN;
}

/* Reads sample after sample into the ring until no match has come meanwhile; called and left with
 * interrupts off. */
static void read_sample(void)
{
    reading = true;
    sei();
    const uint8_t error = record_read(ring[ring_slot]);
    cli();
    reading = false;
    if (error != 0)
        without_value();
    bool last = sample_taken();
    for (; skipped != 0 && !last; skipped--) {
        without_value();
        last = sample_taken();
    }
    if (last)
        TIMSK1 = 0;
}

ISR(TIMER1_COMPB_vect)
{
    if (!period_counts())
        return;
    if (reading) {
        skipped++;
        return;
    }
    sample_late(TCNT1 - FIRST_TICK);
    read_sample();
}

static void sampling_stop(void)
{
    TIMSK1 = 0;
    sampling = false;
}

/* Sets the sensor up and takes sample 0 FIRST_TICK from then. `top`: ticks of a period less one.
 * Returns 0, or the driver's error code where the sensor does not answer. */
static uint8_t sampling_start(uint16_t top, uint16_t periods, uint32_t wanted)
{
    sampling_stop();
    const uint8_t error = record_begin();
    if (error != 0)
        return error;
    ring_start(periods, wanted);
    skipped = 0;
    TCCR1A = 0;
    TCCR1B = _BV(WGM12); /* stands still */
    OCR1A = top;
    OCR1B = FIRST_TICK;
    TCNT1 = 0;
    TIFR1 = _BV(OCF1B);
    sampling = true;
    TIMSK1 = _BV(OCIE1B);
    TCCR1B = _BV(WGM12) | _BV(CS11);
    return 0;
}

#endif
