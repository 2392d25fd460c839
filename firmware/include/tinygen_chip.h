/* tinygen_chip.h -- what the firmware needs of the chip: a serial port that counts what it loses,
 * a clock that counts cycles, what is known after a reset, a watchdog, and proof that the flash is
 * right.
 *
 * The serial port is our own where the chip has a USART0, because Arduino's drops bytes without a
 * word when its ring is full. So a sketch that includes this file must not use `Serial` as well.
 * Other chips go through `Serial` (USB on a Leonardo), which cannot count.
 */
#ifndef TINYGEN_CHIP_H
#define TINYGEN_CHIP_H

#include <Arduino.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/wdt.h>
#include <util/atomic.h>

#include "tinygen_protocol.h"

/* Bytes that may wait to be parsed, and to be sent. Powers of two, at most 128; the first decides
 * how many rows a host may have on the way, the second must hold the longest answer. */
#ifndef TINYGEN_RX_RING
#define TINYGEN_RX_RING 128u
#endif
#ifndef TINYGEN_TX_RING
#define TINYGEN_TX_RING 128u
#endif

/* ---- serial port ---------------------------------------------------------------------------- */

/* Both count modulo 65536. */
static uint16_t serial_overruns; /* bytes lost because nobody read in time */
static uint16_t serial_framing;  /* bytes with a broken stop bit: noise, or a wrong baud rate */

#if defined(USART_RX_vect) || defined(USART0_RX_vect)

#ifndef USART_RX_vect
#define USART_RX_vect USART0_RX_vect
#define USART_UDRE_vect USART0_UDRE_vect
#endif

/* Heads and tails run freely; their difference is the fill, so every byte of a ring is used. */
static uint8_t rx_ring[TINYGEN_RX_RING], tx_ring[TINYGEN_TX_RING];
static volatile uint8_t rx_head, rx_tail, tx_head, tx_tail;

ISR(USART_RX_vect)
{
    const uint8_t status = UCSR0A; /* the error flags belong to the byte that is read next */
    const uint8_t octet = UDR0;
    const uint8_t head = rx_head;

    /* nothing is called from here: a call would save every register for every byte */
    if (status & _BV(DOR0))
        serial_overruns++;
    if (status & _BV(FE0)) {
        serial_framing++;
        return;
    }
    if ((uint8_t)(head - rx_tail) == TINYGEN_RX_RING) {
        serial_overruns++;
        return;
    }
    rx_ring[head & (TINYGEN_RX_RING - 1u)] = octet;
    rx_head = (uint8_t)(head + 1u);
}

ISR(USART_UDRE_vect)
{
    const uint8_t tail = tx_tail;

    UDR0 = tx_ring[tail & (TINYGEN_TX_RING - 1u)];
    tx_tail = (uint8_t)(tail + 1u);
    if ((uint8_t)(tail + 1u) == tx_head)
        UCSR0B = _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
}

static inline void serial_begin(uint32_t baud)
{
    UBRR0 = (uint16_t)((F_CPU / 4 / baud - 1) / 2);
    UCSR0A = _BV(U2X0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00); /* 8N1 */
    UCSR0B = _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
}

/* The next byte, or -1 when none waits. */
static inline int16_t serial_read(void)
{
    const uint8_t tail = rx_tail;

    if (tail == rx_head)
        return -1;
    const uint8_t octet = rx_ring[tail & (TINYGEN_RX_RING - 1u)];
    rx_tail = (uint8_t)(tail + 1u);
    return octet;
}

/* Bytes that serial_write takes now. */
static inline uint8_t serial_room(void)
{
    return (uint8_t)(TINYGEN_TX_RING - (uint8_t)(tx_head - tx_tail));
}

/* Queues bytes that fit serial_room(). */
static inline void serial_write(const uint8_t *bytes, uint8_t length)
{
    uint8_t head = tx_head;

    for (; length != 0; length--)
        tx_ring[head++ & (TINYGEN_TX_RING - 1u)] = *bytes++;
    tx_head = head;
    UCSR0B = _BV(UDRIE0) | _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
}

#else

#undef TINYGEN_RX_RING
#define TINYGEN_RX_RING 63u /* what Arduino's own ring holds */

static inline void serial_begin(uint32_t baud) { Serial.begin(baud); }
static inline int16_t serial_read(void) { return (int16_t)Serial.read(); }
static inline uint8_t serial_room(void) { return TINYGEN_TX_RING; }
static inline void serial_write(const uint8_t *bytes, uint8_t length)
{
    Serial.write(bytes, length);
}

#endif

/* A counter that an interrupt may be changing. */
static inline uint16_t atomic_read(const uint16_t &counter)
{
    uint16_t value;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { value = counter; }
    return value;
}

/* ---- cycles --------------------------------------------------------------------------------- */

/* Timer 1 counts every cycle and wraps after 65536; micros() tells how often it wrapped. */
struct Stopwatch {
    uint32_t started_us;
    uint16_t started;
};

static inline void stopwatch_begin(void)
{
    TCCR1A = 0;
    TCCR1B = _BV(CS10);
}

/* Both are forced inline: a call between them and the model would be counted with it. */
static inline __attribute__((always_inline)) void stopwatch_start(Stopwatch &watch)
{
    watch.started_us = micros();
    watch.started = TCNT1;
}

/* Cycles since stopwatch_start, interrupts included, for up to a minute. */
static inline __attribute__((always_inline)) uint32_t stopwatch_stop(const Stopwatch &watch)
{
    const uint16_t exact = (uint16_t)(TCNT1 - watch.started);
    const uint32_t rough = (micros() - watch.started_us) * (F_CPU / 1000000UL);
    /* the count nearest to `rough` that ends in `exact`; micros() is some 100 cycles late */
    return exact + ((rough < exact ? 0UL : rough - exact + 0x4000UL) & 0xFFFF0000UL);
}

/* A mark that the simulator sees with its cycle. Nothing is moved across it. */
static inline __attribute__((always_inline)) void mark(uint8_t value)
{
    __asm__ __volatile__("" : : : "memory");
    GPIOR0 = value;
    __asm__ __volatile__("" : : : "memory");
}

/* ---- after a reset -------------------------------------------------------------------------- */

static uint8_t reset_cause; /* MCUSR's bits; 0 where a bootloader has already cleared them */

/* The boot number survives a reset, because nothing clears .noinit. After power-on it is whatever
 * the RAM holds: any number will do, as long as the next one differs. */
static uint8_t session __attribute__((section(".noinit")));

extern uint8_t __heap_start; /* the linker's: first byte behind all variables */

/* Free RAM is painted so that the deepest stack can be told later. The paint differs from byte to
 * byte, so that a run of equal bytes on the stack cannot look like it. */
static inline uint8_t paint_of(const uint8_t *place)
{
    return (uint8_t)((uint8_t)(uintptr_t)place * 0x9Du + 0x5Au);
}

static inline void chip_begin(void)
{
    reset_cause = MCUSR;
    MCUSR = 0;
    wdt_disable(); /* after a watchdog reset it is still running */
    session++;
    for (uint8_t *place = &__heap_start; place < reinterpret_cast<uint8_t *>(SP) - 2; place++)
        *place = paint_of(place);
    stopwatch_begin();
}

/* Bytes between the variables and the deepest the stack has gone. */
static inline uint16_t stack_free(void)
{
    const uint8_t *place = &__heap_start;

    while (place < reinterpret_cast<const uint8_t *>(RAMEND) && *place == paint_of(place))
        place++;
    return (uint16_t)(place - &__heap_start);
}

/* ---- watchdog ------------------------------------------------------------------------------- */

/* Only where the bootloader gets out of a watchdog reset: optiboot (Uno) does. Others, of the Mega
 * and of old Nanos among them, may start with the watchdog running, be reset by it, and so on for
 * ever. */
#ifndef TINYGEN_WATCHDOG
#ifdef ARDUINO_AVR_UNO
#define TINYGEN_WATCHDOG 1
#else
#define TINYGEN_WATCHDOG 0
#endif
#endif

/* A second is far more than any answer takes. */
static inline void watchdog_begin(void)
{
    if (TINYGEN_WATCHDOG)
        wdt_enable(WDTO_1S);
}

static inline void watchdog_feed(void)
{
    if (TINYGEN_WATCHDOG)
        wdt_reset();
}

/* ---- the program in flash ------------------------------------------------------------------- */

/* seal.py puts the program's CRC into the last two bytes once it is linked. */
static const uint8_t image_seal[8] PROGMEM __attribute__((used)) = {
    't', 'g', 's', 'e', 'a', 'l', 0, 0,
};
#define IMAGE_CRC_AT 6u

extern const uint8_t __data_load_end; /* the linker's: first byte of flash behind the program */

#if FLASHEND > 0xFFFF
typedef uint_farptr_t flash_address;
#define FLASH_BYTE(at) pgm_read_byte_far(at)
#else
typedef uint16_t flash_address;
#define FLASH_BYTE(at) pgm_read_byte_near(at)
#endif

static uint16_t flash_crc(flash_address at, flash_address end, uint16_t crc)
{
    for (; at != end; at++)
        crc = tinygen_crc(crc, FLASH_BYTE(at));
    return crc;
}

/* False if one bit of the code or of a table is not what was built; 15 ms on an Uno. */
static inline bool image_intact(void)
{
    const flash_address seal = (flash_address)pgm_get_far_address(image_seal) + IMAGE_CRC_AT;
    const flash_address end = (flash_address)pgm_get_far_address(__data_load_end);
    const uint16_t crc = flash_crc(seal + 2, end, flash_crc(0, seal, TINYGEN_PLAIN_SEED));

    return crc == (uint16_t)(FLASH_BYTE(seal) | (uint16_t)FLASH_BYTE(seal + 1) << 8);
}

#endif
