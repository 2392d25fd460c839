/* The chip's place in a firmware that runs on the host: same names as in
 * firmware/include/tinygen_chip.h. */
#ifndef TINYGEN_CHIP_H
#define TINYGEN_CHIP_H

#include <stdint.h>
#include <string.h>

#define TINYGEN_RX_RING 128u
#define TINYGEN_TX_RING 128u

/* Bytes in their order; 64 KiB at most. Plain, because millions of frames go through it. */
struct NativeFifo {
    uint8_t bytes[65536];
    uint16_t head, tail;
    uint16_t size() const { return (uint16_t)(head - tail); }
    void push(uint8_t octet) { bytes[head++] = octet; }
    uint8_t pop() { return bytes[tail++]; }
};

extern NativeFifo native_in, native_out;
extern uint16_t serial_overruns, serial_framing;
extern uint8_t session, reset_cause;
extern uint32_t native_cycles;
extern bool native_intact;
extern bool native_reach; /* the model's tables can be read */
extern uint8_t native_busy; /* so many times more the transmit ring is full */

static inline void serial_begin(uint32_t) {}

static inline int16_t serial_read()
{
    return native_in.size() == 0 ? (int16_t)-1 : (int16_t)native_in.pop();
}

static inline uint8_t serial_room()
{
    return native_busy != 0 ? native_busy--, (uint8_t)0 : (uint8_t)TINYGEN_TX_RING;
}
static inline void serial_write(const uint8_t *bytes, uint8_t length)
{
    while (length-- != 0)
        native_out.push(*bytes++);
}
static inline uint16_t atomic_read(uint16_t &counter) { return counter; }

struct Stopwatch {};
static inline void stopwatch_start(Stopwatch &) {}
static inline uint32_t stopwatch_stop(const Stopwatch &) { return native_cycles; }
static inline void mark(uint8_t) {}
static inline void chip_begin() {}
static inline void watchdog_begin() {}
static inline void watchdog_feed() {}
static inline bool image_intact() { return native_intact; }

/* tinygen_flash.h, before this file, says 1 on every chip with one page of flash */
static inline bool native_in_reach() { return native_reach; }
#define tinygen_in_reach native_in_reach
static inline uint16_t stack_free() { return 1000; }

#endif
