/* The real firmware/src/main.cpp as a library: bytes in, bytes out, pins and time from outside.
 * A reset is a fresh copy of the library; tests/native_board.py does that. */
#include "Arduino.h"
#include "tinygen_chip.h"

uint32_t native_ms, native_cycles = 100;
uint8_t native_pins[70];
NativeFifo native_in, native_out;
uint16_t serial_overruns, serial_framing;
uint8_t session, reset_cause;
bool native_intact = true;
bool native_reach = true;
uint8_t native_busy;

void setup();
void loop();

extern "C" {

void board_boot(uint8_t boot_number, uint8_t cause)
{
    session = boot_number;
    reset_cause = cause;
    setup();
}

/* Feeds `length` bytes and runs until all are taken; bytes beyond the receive ring are lost, as on
 * the chip. */
void board_run(const uint8_t *bytes, uint32_t length, uint32_t now_ms)
{
    native_ms = now_ms;
    for (uint32_t i = 0; i < length; i++) {
        if (native_in.size() < TINYGEN_RX_RING)
            native_in.push(bytes[i]);
        else
            serial_overruns++;
    }
    do
        loop();
    while (native_in.size() != 0);
}

uint32_t board_take(uint8_t *to, uint32_t room)
{
    uint32_t taken = 0;
    for (; taken < room && native_out.size() != 0; taken++)
        to[taken] = native_out.pop();
    return taken;
}

uint8_t board_pin(uint8_t pin) { return native_pins[pin]; }

} /* extern "C" */
