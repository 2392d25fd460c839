/* Sends back every byte, by interrupts and a 64-byte ring, as Arduino's Serial does. Says "boot"
 * first. 'UBRR' and 'U2X' choose the baud rate. DEAF_CYCLES: after the first byte all interrupts
 * stay off that long. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/delay.h>

static volatile uint8_t ring[64], head, tail;

ISR(USART_RX_VECTOR)
{
    uint8_t status = UCSR0A, byte = UDR0;
#ifdef SHOW_FRAMING
    if (status & _BV(FE0))
        byte = '!';
#endif
    (void)status;
    ring[head] = byte;
    head = (head + 1) & 63;
    UCSR0B |= _BV(UDRIE0);
#ifdef DEAF_CYCLES
    static uint8_t once;
    if (!once++)
        __builtin_avr_delay_cycles(DEAF_CYCLES);
#endif
}

ISR(USART_UDRE_VECTOR)
{
    if (head == tail) {
        UCSR0B &= ~_BV(UDRIE0);
    } else {
        UDR0 = ring[tail];
        tail = (tail + 1) & 63;
    }
}

int main(void)
{
    for (const char *text = "boot\n"; *text; text++)
        ring[head++] = *text;
    UBRR0 = UBRR;
    UCSR0A = U2X ? _BV(U2X0) : 0;
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0) | _BV(UDRIE0);
    sei();
    for (;;)
        ;
}
