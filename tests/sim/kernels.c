/* kernels.c -- every scalar kernel of the runtime against its definition in plain 32-bit
 * arithmetic, on the chip.
 * `wrong` counts differences, `done` is 1 at the end. Operands: all 65536 where there is one, else
 * corners and a generator of pseudo-random numbers.
 */
#include <avr/io.h>
#include "tinygen_fixed.h"

volatile uint16_t wrong[8];
volatile uint8_t done;

static const int16_t nodes[9] TINYGEN_ROM = {0, 32767, 1, 0, 256, 255, 300, 32767, 32766};
static const int16_t slopes[9] TINYGEN_ROM = {-32767, 0, -300, 32467, 1, 0, -1, 255, -20000};

static uint32_t state = 1;

static uint16_t random16(void)
{
    static const uint16_t corners[8] = {0, 1, 0x7F, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF};
    state = state * 1664525UL + 1013904223UL;
    return state >> 29 ? (uint16_t)(state >> 8) : corners[(state >> 8) & 7];
}

static int16_t between(const int16_t *table, uint16_t at)
{
    int32_t here = TINYGEN_READ_I16(table + (at >> 8));
    int32_t next = TINYGEN_READ_I16(table + (at >> 8) + 1);
    return (int16_t)(here + (((next - here) * (int32_t)(at & 255) + 128) >> 8));
}

#define CHECK(k, got, want) do { if ((got) != (want)) { ++wrong[k]; } } while (0)

int main(void)
{
    uint16_t v = 0;
    do {
        CHECK(0, tinygen_square(v), (uint16_t)(((uint32_t)v * v + 0x8000UL) >> 16));
        if (v < 0xFFFFu) {
            CHECK(0, tinygen_fine_square(v), (uint16_t)(((uint32_t)v * v + 0x20000UL) >> 18));
        }
        CHECK(1, tinygen_cube(v), (uint16_t)((((uint32_t)v * v >> 16) * v + 0x8000UL) >> 16));
    } while (++v);
    for (uint16_t at = 0; at < 8 * 256; ++at) {
        uint16_t root = (uint16_t)between(nodes, at);
        CHECK(2, tinygen_interpolate(nodes, at), (int16_t)root);
        CHECK(2, tinygen_interpolate(slopes, at), between(slopes, at));
        CHECK(3, tinygen_interpolate_square(nodes, at),
              (uint16_t)(((uint32_t)root * root + 0x8000UL) >> 16));
        CHECK(3, tinygen_interpolate_fine_square(nodes, at),
              (uint16_t)(((uint32_t)root * root + 0x20000UL) >> 18));
    }
    for (uint16_t k = 0; k < 8000; ++k) {
        int16_t x = (int16_t)random16(), low = (int16_t)random16();
        uint16_t multiplier = random16(), top = random16() & 0x7FFF;
        uint32_t distance = x < low ? 0 : (uint32_t)((int32_t)x - low);
        uint32_t wide = (distance * multiplier + 0x8000UL) >> 16;
        uint32_t narrow = (distance * (uint8_t)multiplier + 0x80UL) >> 8;
        CHECK(4, tinygen_scale16(x, low, multiplier, top), (uint16_t)(wide < top ? wide : top));
        if (narrow <= 0xFFFF) {
            CHECK(5, tinygen_scale8(x, low, (uint8_t)multiplier, top),
                  (uint16_t)(narrow < top ? narrow : top));
        }
        uint32_t widened = (distance * multiplier + 0x80UL) >> 8;
        CHECK(5, tinygen_widen16(x, low, multiplier, top),
              (uint16_t)(widened < top ? widened : top));
        CHECK(6, tinygen_above(x, 387), (uint16_t)(x < 387 ? 0 : x - 387));
        CHECK(6, tinygen_above(x, -30000), (uint16_t)(x < -30000 ? 0 : (int32_t)x + 30000));
        CHECK(7, tinygen_high(multiplier, (uint16_t)x),
              (uint16_t)(((uint32_t)multiplier * (uint16_t)x) >> 16));
    }
    done = 1;
    for (;;) {
    }
}
