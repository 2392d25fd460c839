/* tinygen_sampling.h -- samples of the analog pins, begun by a timer and kept in a ring.
 *
 * Timer 1 counts one tick every 8 cycles and starts anew after each period (OCR1A). Its compare
 * match B starts every conversion in hardware, so that no interrupt moves the moment at which a pin
 * is sampled. The channels of one sample follow each other CHANNEL_TICKS apart; the interrupt at
 * the end of a conversion takes its value and sets up the next match.
 *
 * The ring keeps the last RING_SAMPLES - 1 samples whether they were sent or not: a host that
 * missed one asks for it again. A sample without a value is INT16_MIN in all channels.
 */
#ifndef TINYGEN_SAMPLING_H
#define TINYGEN_SAMPLING_H

#include "tinygen_channels.h"
#include "tinygen_chip.h"

/* 1.2 KB of an Uno's 2 KB: 0.6 s of one channel at 1 kHz, 2 s of three at 100 Hz */
#if RAMEND > 0x8FF
#define RING_VALUES 3000u
#else
#define RING_VALUES 600u
#endif
#define RING_SAMPLES (RING_VALUES / RECORD_CHANNELS)

/* A conversion takes 13.5 clocks of the converter, 128 cycles each: 216 ticks. The rest of the 256
 * is the interrupt's time to set up the next one. FIRST_TICK's is the same in every channel, so
 * that the low byte of OCR1B never changes. */
#define CHANNEL_TICKS 256u
#define CONVERSION_TICKS 208u
#define FIRST_TICK 64u

static int16_t ring[RING_SAMPLES][RECORD_CHANNELS];
static uint16_t ring_slot;          /* of the sample that is being taken */
static uint32_t samples_taken;      /* the number of the next one; the first is 0 */
static uint32_t samples_wanted;     /* 0: no end */
static uint16_t samples_late;       /* largest lateness, ticks */
static uint16_t periods_a_sample, periods_left;
static bool sampling;

/* The interrupt's: the sample in ring_slot is whole. */
static inline void sample_taken(void)
{
    if (--periods_left != 0)
        return; /* of a slow rate: the next period's values go into the same slot */
    periods_left = periods_a_sample;
    samples_taken++;
    ring_slot = ring_slot + 1u == RING_SAMPLES ? 0 : ring_slot + 1u;
    if (samples_taken == samples_wanted) {
        sampling = false;
        ADCSRA &= (uint8_t)~_BV(ADATE);
    }
}

/* Points the converter at a channel. */
static inline void select_channel(uint8_t channel)
{
    const uint8_t pin = pgm_read_byte(&record_pins[channel]);

    ADMUX = _BV(REFS0) | (pin & 7u); /* the supply is the reference */
#ifdef MUX5
    ADCSRB = _BV(ADTS2) | _BV(ADTS0) | (pin & 8u ? _BV(MUX5) : 0);
#endif
}

ISR(ADC_vect)
{
    static uint8_t done;
    const uint16_t own = FIRST_TICK + done * CHANNEL_TICKS;
    const uint8_t next = done + 1u == RECORD_CHANNELS ? 0 : (uint8_t)(done + 1u);
    const uint16_t due = FIRST_TICK + next * CHANNEL_TICKS;

    ring[ring_slot][done] = (int16_t)ADC;
    select_channel(next);
    TIFR1 = _BV(OCF1B); /* a match starts a conversion only if the flag was cleared */
    OCR1B = due;
    const uint16_t now = TCNT1;
    if (now >= due && (next != 0 || now < own + CONVERSION_TICKS)) {
        ADCSRA |= _BV(ADSC); /* this interrupt came too late: begin now, and say so */
        if (samples_late < now - due)
            samples_late = now - due;
    }
    done = next;
    if (next == 0)
        sample_taken();
}

static void sampling_stop(void)
{
    ADCSRA = _BV(ADEN) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    while (ADCSRA & _BV(ADSC))
        ;
    sampling = false;
}

/* Takes sample 0 a period's FIRST_TICK from now. `top`: ticks of a period less one. */
static void sampling_start(uint16_t top, uint16_t periods, uint32_t wanted)
{
    sampling_stop();
    TCCR1A = 0;
    TCCR1B = _BV(WGM12); /* stands still */
    samples_taken = 0;
    samples_wanted = wanted;
    samples_late = ring_slot = 0;
    periods_a_sample = periods;
    periods_left = 1; /* the first is taken at once */
    OCR1A = top;
    OCR1B = FIRST_TICK;
    TCNT1 = 0;
    ADCSRB = _BV(ADTS2) | _BV(ADTS0); /* timer 1, match B */
    select_channel(0);
    ADCSRA |= _BV(ADSC); /* the first one takes longer than the others: it is not used */
    while (ADCSRA & _BV(ADSC))
        ;
    TIFR1 = _BV(OCF1B);
    sampling = true;
    ADCSRA |= _BV(ADATE) | _BV(ADIF) | _BV(ADIE);
    TCCR1B = _BV(WGM12) | _BV(CS11);
}

#endif
