/* The chip's place in a firmware that runs on the host: same names as firmware/include/tinygen_chip.h. */
#ifndef TINYGEN_CHIP_H
#define TINYGEN_CHIP_H

#include <deque>

#define TINYGEN_RX_RING 128u
#define TINYGEN_TX_RING 128u

extern std::deque<uint8_t> native_in, native_out;
extern uint16_t serial_overruns, serial_framing;
extern uint8_t session, reset_cause;
extern uint32_t native_cycles;
extern bool native_intact;

static inline void serial_begin(uint32_t) {}

static inline int16_t serial_read()
{
    if (native_in.empty())
        return -1;
    const uint8_t octet = native_in.front();
    native_in.pop_front();
    return octet;
}

static inline uint8_t serial_room() { return TINYGEN_TX_RING; }
static inline void serial_write(const uint8_t *bytes, uint8_t length) { native_out.insert(native_out.end(), bytes, bytes + length); }
static inline uint16_t steady(uint16_t &counter) { return counter; }

struct Stopwatch {};
static inline void stopwatch_start(Stopwatch &) {}
static inline uint32_t stopwatch_stop(const Stopwatch &) { return native_cycles; }
static inline void mark(uint8_t) {}
static inline void chip_begin() {}
static inline void watchdog_begin() {}
static inline void watchdog_feed() {}
static inline bool image_intact() { return native_intact; }
static inline uint16_t stack_free() { return 1000; }

#endif
