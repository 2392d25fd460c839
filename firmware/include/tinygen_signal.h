/* tinygen_signal.h -- integer kernels for streams of samples, and for what is kept of them.
 * Hand-written, C99 and C++11. No float, no heap, no 64-bit; every product is widened before it is
 * formed. What a kernel may be given is proven by the generator, for any sample that can come.
 * Sums are kept modulo 2^32: what is worked out from them is exact wherever the result fits.
 * The Python twin is tinygen/model/signals. */
#ifndef TINYGEN_SIGNAL_H
#define TINYGEN_SIGNAL_H

#include "tinygen_flash.h"

/* Called from many places: one copy each. */
#ifdef __GNUC__
#define TINYGEN_CALLED static __attribute__((noinline, unused))
#else
#define TINYGEN_CALLED static inline
#endif

/* ---- streams: one number per sample; `first` is the first sample after a start --------------- */

/* Running mean, 8 bits behind the point: moves by 1 / 2^slowness of the distance. */
TINYGEN_CALLED int16_t tinygen_level(int32_t *at, int16_t x, uint8_t slowness, uint8_t first)
{
    const int32_t target = (int32_t)x * 256;

    *at = first ? target : *at + ((target - *at) >> slowness);
    return (int16_t)(*at >> 8);
}

/* Difference to the sample before, in steps of 2^shift. */
TINYGEN_CALLED int16_t tinygen_change(int16_t *last, int16_t x, uint8_t shift, uint8_t first)
{
    const int32_t change = first ? 0 : (int32_t)x - *last;

    *last = x;
    return (int16_t)(change >> shift);
}

/* One step towards the sample: follows the median. */
TINYGEN_CALLED int16_t tinygen_tracker(int16_t *at, int16_t x, int16_t step, uint8_t first)
{
    if (first)
        *at = x;
    else if (x != *at)
        *at = (int16_t)(x > *at ? *at + step : *at - step);
    return *at;
}

/* 1 where a sample is on the other side of a level than the one before. */
TINYGEN_CALLED int16_t tinygen_crossing(uint8_t *was, uint8_t above, uint8_t first)
{
    const uint8_t crossed = !first && above != *was;

    *was = above;
    return crossed;
}

typedef struct {
    int16_t last;
    int8_t heading; /* 1 rising, -1 falling, 0 not yet known */
} tinygen_turn_state;

/* 1 where a rising stretch ends or a falling one. */
TINYGEN_CALLED int16_t tinygen_turn(tinygen_turn_state *state, int16_t x, uint8_t first)
{
    const int8_t way = (int8_t)(first || x == state->last ? 0 : x > state->last ? 1 : -1);
    const int8_t before = (int8_t)(first ? 0 : state->heading);

    state->last = x;
    state->heading = way ? way : before;
    return way * before < 0;
}

/* The sample `lag` samples ago: `past` is a ring of so many. */
TINYGEN_CALLED int16_t tinygen_delay(int16_t *past, uint8_t *at, uint8_t lag, int16_t x,
                                    uint8_t first)
{
    int16_t old;

    if (first) {
        for (uint8_t k = 0; k < lag; k++)
            past[k] = x;
        *at = 0;
    }
    old = past[*at];
    past[*at] = x;
    *at = (uint8_t)(*at + 1 < lag ? *at + 1 : 0);
    return old;
}

typedef struct {
    int16_t x1, x2, y1, y2;
} tinygen_band_state;

#define TINYGEN_BAND_LIMIT 8191

/* Band-pass filter of second order; `of` in flash: b0, a1, a2, in steps of 2^-14. Only differences
 * of x count, and these fit: x is kept modulo 2^16. */
TINYGEN_CALLED int16_t tinygen_band(tinygen_band_state *s, int16_t x, const int16_t *of,
                                   uint8_t first)
{
    int32_t sum;
    int16_t y;

    if (first) {
        s->x1 = s->x2 = x;
        s->y1 = s->y2 = 0;
    }
    sum = (int32_t)TINYGEN_READ_I16(of) * (int16_t)((uint16_t)x - (uint16_t)s->x2)
          + (int32_t)TINYGEN_READ_I16(of + 1) * s->y1 - (int32_t)TINYGEN_READ_I16(of + 2) * s->y2;
    y = (int16_t)(((sum + 8192) * 4) >> 16); /* the proof leaves two bits */
    if (y > TINYGEN_BAND_LIMIT)
        y = TINYGEN_BAND_LIMIT;
    if (y < -TINYGEN_BAND_LIMIT)
        y = -TINYGEN_BAND_LIMIT;
    s->x2 = s->x1;
    s->x1 = x;
    s->y2 = s->y1;
    s->y1 = y;
    return y;
}

/* Root, rounded down, bit by bit. */
TINYGEN_CALLED uint16_t tinygen_root(uint32_t square)
{
    uint16_t root = 0;

    for (uint16_t bit = 0x8000u; bit; bit >>= 1) {
        const uint16_t trial = root | bit;
        if ((uint32_t)trial * trial <= square)
            root = trial;
    }
    return root;
}

/* ---- what is kept of a pane; `of` in flash: places of streams -------------------------------- */

TINYGEN_CALLED void tinygen_add(uint32_t *to, const int16_t *streams, const uint8_t *of, uint8_t n)
{
    for (; n; n--) {
        const int32_t x = streams[TINYGEN_READ_U8(of++)];
        *to++ += (uint32_t)x;
    }
}

/* Two places each: both the same for a square. */
TINYGEN_CALLED void tinygen_add_products(uint32_t *to, const int16_t *streams, const uint8_t *of,
                                        uint8_t n)
{
    for (; n; n--) {
        const int32_t x = streams[TINYGEN_READ_U8(of++)];
        *to++ += (uint32_t)(x * streams[TINYGEN_READ_U8(of++)]);
    }
}

TINYGEN_CALLED void tinygen_least(int16_t *to, const int16_t *streams, const uint8_t *of, uint8_t n)
{
    for (uint8_t k = 0; k < n; k++) {
        const int16_t x = streams[TINYGEN_READ_U8(of + k)];
        if (x < to[k])
            to[k] = x;
    }
}

TINYGEN_CALLED void tinygen_greatest(int16_t *to, const int16_t *streams, const uint8_t *of,
                                    uint8_t n)
{
    for (uint8_t k = 0; k < n; k++) {
        const int16_t x = streams[TINYGEN_READ_U8(of + k)];
        if (x > to[k])
            to[k] = x;
    }
}

/* ---- what is worked out at the end of a window of n samples, from adds[place] ---------------- */

TINYGEN_CALLED int16_t tinygen_mean(const uint32_t *adds, uint8_t sum, uint16_t n)
{
    return (int16_t)((int32_t)adds[sum] / n);
}

TINYGEN_CALLED int16_t tinygen_rms(const uint32_t *adds, uint8_t squares, uint16_t n)
{
    return (int16_t)tinygen_root(adds[squares] / n);
}

/* Sum of the products of the distances of a and b from their means; of one stream with itself the
 * sum of squares. With sum = n * mean + rest it is
 * product - mean_a * sum_b - mean_b * rest_a - rest_a * rest_b / n, modulo 2^32 and therefore as it
 * is. Means and rests fit int16, as n does. */
TINYGEN_CALLED uint32_t tinygen_joint(const uint32_t *adds, uint8_t product, uint8_t a, uint8_t b,
                                     uint16_t n)
{
    const int16_t mean_a = (int16_t)((int32_t)adds[a] / n);
    const int16_t rest_a = (int16_t)((int32_t)adds[a] % n);
    const int16_t mean_b = (int16_t)((int32_t)adds[b] / n);
    const int16_t rest_b = (int16_t)((int32_t)adds[b] % n);

    return adds[product] - (uint32_t)mean_a * adds[b] - (uint32_t)((int32_t)mean_b * rest_a)
           - (uint32_t)((int32_t)rest_a * rest_b / n);
}

TINYGEN_CALLED int16_t tinygen_deviation(const uint32_t *adds, uint8_t squares, uint8_t sum,
                                         uint16_t n)
{
    return (int16_t)tinygen_root(tinygen_joint(adds, squares, sum, sum, n) / n);
}

/* a / one towards 0, within -127 .. 127; 0 where `one` is 0. */
TINYGEN_CALLED int16_t tinygen_part(int32_t a, uint32_t one)
{
    const uint32_t size = a < 0 ? 0 - (uint32_t)a : (uint32_t)a;
    const uint32_t part = one ? size / one : 0;
    const int16_t most = (int16_t)(part > 127 ? 127 : part);

    return (int16_t)(a < 0 ? -most : most);
}

/* Of streams a and b: by the product of their deviations. */
TINYGEN_CALLED int16_t tinygen_correlation(const uint32_t *adds, uint8_t product, uint8_t a,
                                           uint8_t b, uint8_t squares_a, uint8_t squares_b,
                                           uint16_t n)
{
    const uint32_t root_a = tinygen_root(tinygen_joint(adds, squares_a, a, a, n));
    const uint32_t root_b = tinygen_root(tinygen_joint(adds, squares_b, b, b, n));

    return tinygen_part((int32_t)tinygen_joint(adds, product, a, b, n), root_a * root_b / 127);
}

/* Of two streams without an offset: by the squares of the first. */
TINYGEN_CALLED int16_t tinygen_likeness(const uint32_t *adds, uint8_t product, uint8_t squares)
{
    return tinygen_part((int32_t)adds[product], adds[squares] / 127);
}

/* Of n bands, adds[of[k]] the sum of squares of each: the place of the greatest. */
TINYGEN_CALLED int16_t tinygen_strongest(const uint32_t *adds, const uint8_t *of, uint8_t n)
{
    uint8_t best = 0;
    uint32_t most = 0;

    for (uint8_t k = 0; k < n; k++) {
        const uint32_t squares = adds[TINYGEN_READ_U8(of + k)];
        if (squares > most) {
            most = squares;
            best = k;
        }
    }
    return best;
}

/* Of the same: the mean of their places by their squares, in steps of 1/16. The greatest is brought
 * to 21 bits, so that 16 times the sum of place * squares of 8 bands stays below 2^30. */
TINYGEN_CALLED int16_t tinygen_centroid(const uint32_t *adds, const uint8_t *of, uint8_t n)
{
    uint32_t any = 0, total = 0, moment = 0;
    uint8_t shift = 0;

    for (uint8_t k = 0; k < n; k++)
        any |= adds[TINYGEN_READ_U8(of + k)];
    for (; any >> 21; any >>= 1)
        shift++;
    for (uint8_t k = 0; k < n; k++) {
        const uint32_t power = adds[TINYGEN_READ_U8(of + k)] >> shift;
        total += power;
        moment += k * power;
    }
    return (int16_t)(total ? moment * 16u / total : 0);
}

/* ---- the vote -------------------------------------------------------------------------------- */

/* The most frequent of n classes, the first of several; the one that stands remains while it has a
 * vote and no other is ahead by `lead`. */
static inline int16_t tinygen_vote(const int16_t *answers, uint8_t n, int16_t standing,
                                   uint8_t classes, uint8_t lead)
{
    int16_t best = standing;
    uint8_t most = 0;

    for (int16_t c = -1; c < (int16_t)classes; c++) {
        const int16_t named = c < 0 ? standing : c;
        uint8_t count = 0;
        for (uint8_t k = 0; k < n; k++)
            count = (uint8_t)(count + (answers[k] == named));
        if (count > most) {
            most = (uint8_t)(c < 0 ? count + lead - 1 : count);
            best = named;
        }
    }
    return best;
}

/* The least of n answers: an alarm needs all of them above its threshold. */
static inline int16_t tinygen_least_of(const int16_t *answers, uint8_t n)
{
    int16_t least = answers[0];

    for (uint8_t k = 1; k < n; k++)
        if (answers[k] < least)
            least = answers[k];
    return least;
}

#endif
