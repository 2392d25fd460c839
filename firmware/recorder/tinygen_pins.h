/* tinygen_pins.h -- samples of the analog pins, begun by a timer.
 *
 * Timer 1 counts one tick every 8 cycles and starts anew after each period (OCR1A). Its compare
 * match B starts every conversion in hardware, so that no interrupt moves the moment at which a pin
 * is sampled. The channels of one sample follow each other CHANNEL_TICKS apart; the interrupt at
 * the end of a conversion takes its value and sets up the next match.
 */
#ifndef TINYGEN_PINS_H
#define TINYGEN_PINS_H

#include "tinygen_ring.h"

/* A conversion takes 13.5 clocks of the converter, 128 cycles each: 216 ticks. The rest of the 256
 * is the interrupt's time to set up the next one. FIRST_TICK's is the same in every channel, so
 * that the low byte of OCR1B never changes. */
#define CHANNEL_TICKS 256u
#define CONVERSION_TICKS 208u
#define FIRST_TICK 64u

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
        sample_late(now - due);
    }
    done = next;
    /* of a slow rate: the values of a period that does not count are written over */
    if (next == 0 && period_counts() && sample_taken())
        ADCSRA &= (uint8_t)~_BV(ADATE);
}

static void sampling_stop(void)
{
    ADCSRA = _BV(ADEN) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    while (ADCSRA & _BV(ADSC))
        ;
    sampling = false;
}

/* Takes sample 0 FIRST_TICK from now. `top`: ticks of a period less one. Returns 0: pins answer. */
static uint8_t sampling_start(uint16_t top, uint16_t periods, uint32_t wanted)
{
    sampling_stop();
    ring_start(periods, wanted);
    TCCR1A = 0;
    TCCR1B = _BV(WGM12); /* stands still */
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
    return 0;
}

#endif
