/* The whole firmware under libFuzzer: parser, dispatcher, answers. Pins, time and the serial line come from native/.
 *
 * The first byte of an input chooses: bit 0 wraps the rest as a body with a right check sum and COBS, so that half of the
 * inputs get past the parser; bit 1 binds it to the model; bits 2-7 are milliseconds that pass. Then come more pieces, each
 * with its length in one byte.
 */
#include "main.cpp"

#include <vector>

extern "C" {
void board_run(const uint8_t *bytes, uint32_t length, uint32_t now_ms);
uint32_t board_take(uint8_t *to, uint32_t room);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
}
extern bool native_intact;

static void start_anew(bool intact)
{
    received = tinygen_parser();
    alarm_state = tinygen_alarm();
    rows_answered = last_row_ms = damage_told_ms = 0;
    frames_damaged = frames_refused = overruns_told = serial_overruns = 0;
    lit = damage_told = false;
    session = 7;
    native_intact = intact;
    setup();
}

/* 00, COBS of body and check sum, 00 */
static std::vector<uint8_t> wrapped(const uint8_t *body, size_t size, bool bound)
{
    std::vector<uint8_t> plain(body, body + size), wire(2, 0);
    uint16_t crc = bound ? TINYGEN_SEED(MODEL_ID) : TINYGEN_PLAIN_SEED;
    for (uint8_t octet : plain)
        crc = tinygen_crc(crc, octet);
    plain.push_back((uint8_t)~crc);
    plain.push_back((uint8_t)((uint16_t)~crc >> 8));
    size_t code = 1;
    for (uint8_t octet : plain) {
        if (octet != 0) {
            wire.push_back(octet);
            continue;
        }
        wire[code] = (uint8_t)(wire.size() - code);
        code = wire.size();
        wire.push_back(0);
    }
    wire[code] = (uint8_t)(wire.size() - code);
    wire.push_back(0);
    return wire;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t answers[4096];
    uint32_t now_ms = 0;

    if (size == 0)
        return 0;
    start_anew(data[0] & 1);
    data++, size--;
    while (size >= 2) {
        const uint8_t how = data[0];
        size_t length = data[1] & 0x7F; /* what the receive ring holds */
        data += 2, size -= 2;
        if (length > size)
            length = size;
        now_ms += (uint32_t)(how >> 2) * 100;
        const std::vector<uint8_t> wire = how & 1 ? wrapped(data, length, how & 2) : std::vector<uint8_t>(data, data + length);
        for (size_t at = 0; at < wire.size(); at += 64)
            board_run(&wire[at], (uint32_t)(wire.size() - at < 64 ? wire.size() - at : 64), now_ms);
        board_take(answers, sizeof answers);
        data += length, size -= length;
    }
    return 0;
}
