/* The whole firmware under libFuzzer: parser, dispatcher, answers. Pins, time and the serial line
 * come from native/.
 *
 * The first byte of an input says how the board is (BUSY: its answers wait a while), the rest is a
 * list of pieces that it is sent. A piece has two bytes in front of its content: how (WHOLE: the
 * content is a body and becomes a frame with a right check sum, so that half of the pieces get past
 * the parser; BOUND: the sum is bound to the model; BURST: it comes eight times without a pause,
 * from a host that ignores the window; PAUSE: so many seconds pass before it) and its length. A run
 * costs what the firmware costs.
 */
#include "main.cpp"

extern "C" {
void board_run(const uint8_t *bytes, uint32_t length, uint32_t now_ms);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
}

static const uint8_t DAMAGED_FLASH = 1, SETUP = 2, BUSY = 4, OUT_OF_REACH = 8; /* first byte */
static const uint8_t WHOLE = 1, BOUND = 2, PAUSE = 0x1C, BURST = 0xE0; /* how */

static const size_t PIECE_MAX =
    TINYGEN_RX_RING - 6; /* what the receive ring holds, with key, fcs and zeros */

static void start_anew(uint8_t how)
{
    received.key = received.size = 0;
    model_begin(&received);
    memset(alarm_states, 0, sizeof alarm_states);
    rows_answered = last_row_ms = damage_told_ms = 0;
    frames_damaged = frames_refused = overruns_reported = serial_overruns = 0;
    lit = damage_told = false;
    session = 7;
    native_intact = !(how & DAMAGED_FLASH);
    native_reach = !(how & OUT_OF_REACH);
    native_busy = how & BUSY;
    corrupt = !native_intact || !native_reach;
    if (how & SETUP)
        setup();
}

/* Writes a frame around any body, with its right check sum; returns its bytes. */
static uint32_t wrap(uint8_t *wire, const uint8_t *body, size_t size, bool bound)
{
    uint16_t crc = bound ? MODEL_SEED : TINYGEN_PLAIN_SEED;
    for (size_t i = 0; i < size; i++) {
        crc = tinygen_crc(crc, wire[2 + i] = body[i]);
#if MODEL_COUNT > 1
        if (bound && i == TINYGEN_HEAD_BYTES + 1)
            crc ^= TINYGEN_BINDING(body[TINYGEN_HEAD_BYTES]);
#endif
    }
    tinygen_put16(wire + 2 + size, (uint16_t)~crc);
    wire[0] = wire[4 + size] = 0;
    wire[1] = tinygen_key(wire + 2, (uint8_t)(size + 2));
    for (size_t i = 2; i < size + 4; i++)
        wire[i] = (uint8_t)(wire[i] ^ wire[1]);
    return (uint32_t)(size + 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[8 * TINYGEN_RX_RING];
    uint32_t now_ms = 0;

    if (size == 0)
        return 0;
    start_anew(data[0]);
    data++, size--;
    while (size >= 2) {
        const uint8_t how = data[0];
        size_t length = data[1] % (PIECE_MAX + 1);
        data += 2, size -= 2;
        length = length > size ? size : length;
        now_ms += (how & PAUSE) * 250u;
        uint32_t bytes = (uint32_t)length;
        if (how & WHOLE)
            bytes = wrap(wire, data, length, how & BOUND);
        else
            memcpy(wire, data, length);
        for (uint32_t times = 1; (how & BURST) == BURST && times < 8; times *= 2, bytes *= 2)
            memcpy(wire + bytes, wire, bytes);
        board_run(wire, bytes, now_ms);
        native_out.tail = native_out.head; /* nobody reads the answers */
        data += length, size -= length;
    }
    return 0;
}
