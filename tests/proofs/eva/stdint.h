/* The types of avr-libc on the machine of machine.ml, where `long` has 24 bits. */
#ifndef STDINT_H
#define STDINT_H

typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef int int16_t;
typedef unsigned int uint16_t;
typedef long long int32_t;
typedef unsigned long long uint32_t;
#define INT16_MAX 32767
#define INT16_MIN (-INT16_MAX - 1)
#define __int24 long

typedef char int_has_16_bits[sizeof(int) == 2 ? 1 : -1];
typedef char int24_has_24_bits[sizeof(__int24) == 3 ? 1 : -1];
typedef char int32_has_32_bits[sizeof(int32_t) == 4 ? 1 : -1];
typedef char a_pointer_has_16_bits[sizeof(char *) == 2 ? 1 : -1];

#endif
