/* tinygen_ring.h -- the last samples, whether they were sent or not.
 *
 * A host that missed one asks for it again, as long as it is in here. A sample without a value is
 * INT16_MIN in all channels.
 */
#ifndef TINYGEN_RING_H
#define TINYGEN_RING_H

#include "tinygen_channels.h"
#include "tinygen_chip.h"

/* 1.2 KB of an Uno's 2 KB: 0.6 s of one channel at 1 kHz, 2 s of three at 100 Hz */
#if RAMEND > 0x8FF
#define RING_VALUES 3000u
#else
#define RING_VALUES 600u
#endif
#define RING_SAMPLES (RING_VALUES / RECORD_CHANNELS)

static int16_t ring[RING_SAMPLES][RECORD_CHANNELS];
static uint16_t ring_slot;      /* of the sample that is being taken */
static uint32_t samples_taken;  /* the number of the next one; the first is 0 */
static uint32_t samples_wanted; /* 0: no end */
static uint16_t samples_late;   /* largest lateness, in ticks of timer 1 */
static uint16_t periods_a_sample, periods_left;
static volatile bool sampling;

static inline void ring_start(uint16_t periods, uint32_t wanted)
{
    samples_taken = 0;
    samples_wanted = wanted;
    samples_late = ring_slot = 0;
    periods_a_sample = periods;
    periods_left = 1; /* the first is taken at once */
}

/* The interrupt's: true in each period that a sample is taken in. */
static inline bool period_counts(void)
{
    if (--periods_left != 0)
        return false;
    periods_left = periods_a_sample;
    return true;
}

/* The interrupt's: the sample in ring_slot is whole. True if it was the last one wanted. */
static inline bool sample_taken(void)
{
    samples_taken++;
    ring_slot = ring_slot + 1u == RING_SAMPLES ? 0 : ring_slot + 1u;
    if (samples_taken == samples_wanted)
        sampling = false;
    return !sampling;
}

static inline void sample_late(uint16_t ticks)
{
    if (samples_late < ticks)
        samples_late = ticks;
}

#endif
