/* As much of Arduino.h as firmware/src/main.cpp uses, for the host. */
#ifndef NATIVE_ARDUINO_H
#define NATIVE_ARDUINO_H

#include <stdint.h>
#include <string.h>

#define PROGMEM
#define strncpy_P strncpy
#define memcpy_P memcpy
#define pgm_read_byte(p) (*(p))
#define OUTPUT 1

extern uint32_t native_ms;
extern uint8_t native_pins[70];

static inline uint32_t millis() { return native_ms; }
static inline void pinMode(uint8_t, uint8_t) {}
static inline void digitalWrite(uint8_t pin, bool level) { native_pins[pin] = level; }
static inline bool digitalRead(uint8_t pin) { return native_pins[pin]; }

#endif
