/* Uses a known depth of stack: PUSHED bytes below main's return address. */
#include <avr/io.h>

static volatile uint8_t noise[100];     /* variables must not count as stack */

int main(void)
{
    for (uint8_t i = 0; i < sizeof noise; i++)
        noise[i] = i;
    __asm__ __volatile__(".rept %[count]\n push r1\n .endr\n .rept %[count]\n pop r0\n .endr"
                         : : [count] "i"(PUSHED) : "r0");
    for (;;)
        ;
}
