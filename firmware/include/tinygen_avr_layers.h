/* tinygen_avr_layers.h -- hidden layers of nets in AVR assembly. Hand-written.
 *
 * What a kernel computes stands in tinygen_layers.h beside the same kernel in C. Included by
 * tinygen_fixed.h behind tinygen_avr_sums.h, never alone; tinygen_avr.h says what all the assembly
 * obeys. Inputs are read at X, the table in flash at Z; the sum is `acc`, as wide as its kernel's
 * name says.
 */
#ifndef TINYGEN_AVR_LAYERS_H
#define TINYGEN_AVR_LAYERS_H

/* Cycles of a unit:
 * tinygen_relu_layer_*  25 + 14 n, for int16 inputs 25 + 20 n.
 * tinygen_relu_net_*    at most 28 + 14 n, for int16 inputs 30 + 20 n.
 * tinygen_relu_pairs_*  at most 30 + 11.5 n, for int16 inputs 30 + 16.5 n; 2 less where the sum
 *                       has room beside the units.
 * tinygen_relu_quads_*  at most 28 + 10.3 n, for int16 inputs 28 + 14.8 n.
 * tinygen_relu_layer_pairs_*  22 + 11.5 n, for int16 inputs 22 + 16.5 n.
 * tinygen_relu_layer_quads_*  19 + 10.3 n, for int16 inputs 19 + 14.8 n.
 * Those of a fine sum take 2 more, and 3 for each bit of the shift but 2 for the last. Of bytes a
 * unit takes 6 more than the first ones, and 8 where it is clamped.
 */

/* A form of hidden layers: a2:a1:a0 before the first product, and where the unit is when the shift
 * is done. 8: bias * 2^8 + 128, the last term rounds; 1, 4 and 6: a fine sum, of 6 in bytes. */
#define TINYGEN_UNIT_START_8 "ldi %[a0],0x80\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\t"
#define TINYGEN_UNIT_START_1 "lpm %[a0],Z+\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\t"
#define TINYGEN_UNIT_START_4 TINYGEN_UNIT_START_1
#define TINYGEN_UNIT_START_6 TINYGEN_UNIT_START_1
#define TINYGEN_HALVE(u) "asr %[" #u "2]\n\tror %[" #u "1]\n\tror %[" #u "0]\n\t"
#define TINYGEN_UNIT_SHIFT_8(u)
/* the last bit: a unit that is not negative has 16 bits before it; of a negative one a2 keeps the
 * sign, which clears it */
#define TINYGEN_UNIT_SHIFT_1(u) "lsr %[" #u "1]\n\tror %[" #u "0]\n\t"
#define TINYGEN_UNIT_SHIFT_4(u)                                                                    \
    TINYGEN_HALVE(u) TINYGEN_HALVE(u) TINYGEN_HALVE(u) TINYGEN_UNIT_SHIFT_1(u)
#define TINYGEN_UNIT_LOW_8(u) "%[" #u "1]"
#define TINYGEN_UNIT_LOW_1(u) "%[" #u "0]"
#define TINYGEN_UNIT_LOW_4 TINYGEN_UNIT_LOW_1
#define TINYGEN_UNIT_HIGH_8(u) "%[" #u "2]"
#define TINYGEN_UNIT_HIGH_1(u) "%[" #u "1]"
#define TINYGEN_UNIT_HIGH_4 TINYGEN_UNIT_HIGH_1

/* then the sum over the n inputs at X */
#define TINYGEN_LOOP(step) "mov %[k],%[n]\n2:\n\t" step "dec %[k]\n\tbrne 2b\n\t"
#define TINYGEN_UNIT_ADD TINYGEN_SIGN "add %[a0],r0\n\tadc %[a1],r1\n\tadc %[a2],%[lo]\n\t"
#define TINYGEN_UNIT_S8 TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_UNIT_ADD
#define TINYGEN_UNIT_U8 TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_UNIT_ADD
#define TINYGEN_UNIT_S16                                                                           \
    TINYGEN_WORD "mulsu %[w],%[lo]\n\t" TINYGEN_UNIT_ADD                                           \
    "muls %[w],%[hi]\n\tadd %[a1],r0\n\tadc %[a2],r1\n\t"
/* X back to the first input */
#define TINYGEN_BACK_S8 "sub r26,%[n]\n\tsbci r27,0\n\t"
#define TINYGEN_BACK_U8 TINYGEN_BACK_S8
#define TINYGEN_BACK_S16 TINYGEN_BACK_S8 TINYGEN_BACK_S8

/* a unit becomes 0 where it is negative */
#define TINYGEN_CLEAR(u, byte) "sbrc %[" #u "2],7\n\tclr " byte "\n\t"
#define TINYGEN_STORE_WORD(u, form)                                                                \
    TINYGEN_UNIT_SHIFT_##form(u)                                                                   \
    TINYGEN_CLEAR(u, TINYGEN_UNIT_LOW_##form(u)) TINYGEN_CLEAR(u, TINYGEN_UNIT_HIGH_##form(u))     \
    "st X+," TINYGEN_UNIT_LOW_##form(u) "\n\tst X+," TINYGEN_UNIT_HIGH_##form(u) "\n\t"
#define TINYGEN_STORE_8(u) TINYGEN_STORE_WORD(u, 8)
#define TINYGEN_STORE_1(u) TINYGEN_STORE_WORD(u, 1)
#define TINYGEN_STORE_4(u) TINYGEN_STORE_WORD(u, 4)
/* the sum's upper bytes are the unit after two more bits: 0 or 255 where the last, of which the
 * flag tells, is not 0 */
#define TINYGEN_DOUBLE(u) "lsl %[" #u "0]\n\trol %[" #u "1]\n\trol %[" #u "2]\n\t"
#define TINYGEN_STORE_6(u)                                                                         \
    TINYGEN_DOUBLE(u) TINYGEN_DOUBLE(u)                                                            \
    "mov %[w],%[" #u "1]\n\tbreq 5f\n\t"                                                           \
    "ldi %[w],0\n\tsbrs %[" #u "2],7\n\tldi %[w],255\n5:\n\tsubi %[w],128\n\tst X+,%[w]\n\t"
#define TINYGEN_STORED_8 int16_t
#define TINYGEN_STORED_1 int16_t
#define TINYGEN_STORED_4 int16_t
#define TINYGEN_STORED_6 int8_t
/* X is the place of the next unit meanwhile, and r1:r0 keep that of the inputs */
#define TINYGEN_AT_H(stores)                                                                       \
    "movw r0,r26\n\tmovw r26,%[h]\n\t" stores "movw %[h],r26\n\tmovw r26,r0\n\t"
#define TINYGEN_LAYER_ASM(name, form, in_t, step, back, ...)                                       \
    static inline void name(const int8_t *table, const in_t *x, TINYGEN_STORED_##form *h,          \
                            uint8_t rows, uint8_t n)                                               \
    {                                                                                              \
        uint8_t w, lo, hi, k, a0, a1, a2;                                                          \
        (void)hi;                                                                                  \
        __asm__ __volatile__(                                                                      \
            "1:\n\t" TINYGEN_UNIT_START_##form TINYGEN_LOOP(step) back                             \
            TINYGEN_AT_H(TINYGEN_STORE_##form(a))                                                  \
            "dec %[rows]\n\tbrne 1b\n\tclr r1"                                                     \
            : [rom] "+z"(table), [x] "+x"(x), [h] "+r"(h), [rows] "+r"(rows), [n] "+r"(n),         \
              [k] "=&r"(k), [a0] "=&d"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), __VA_ARGS__            \
            :                                                                                      \
            : "r0", "memory");                                                                     \
    }
#define TINYGEN_LAYER(name, form, in_t, in, ...)                                                   \
    TINYGEN_LAYER_ASM(name, form, in_t, TINYGEN_UNIT_##in, TINYGEN_BACK_##in, __VA_ARGS__)

TINYGEN_LAYER(tinygen_relu_layer_s8, 8, int8_t, S8, TINYGEN_TEMPS)
TINYGEN_LAYER(tinygen_relu_layer_u8, 8, uint8_t, U8, TINYGEN_TEMPS)
TINYGEN_LAYER(tinygen_relu_layer_s16, 8, int16_t, S16, TINYGEN_TEMPS_HI)
TINYGEN_LAYER(tinygen_fine_layer_1, 1, int8_t, S8, TINYGEN_TEMPS)
TINYGEN_LAYER(tinygen_fine_layer_4, 4, int8_t, S8, TINYGEN_TEMPS)
TINYGEN_LAYER(tinygen_byte_layer_6, 6, int8_t, S8, TINYGEN_TEMPS)

#define TINYGEN_NET_ASM(name, form, acc_t, in_t, step, back, output, ...)                          \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t rows,          \
                             uint8_t n)                                                            \
    {                                                                                              \
        uint8_t w, lo, hi, k, a0, a1, a2;                                                          \
        (void)hi;                                                                                  \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const in_t *in __asm__("r26") = x;                                                \
        __asm__ __volatile__(                                                                      \
            "1:\n\t" TINYGEN_UNIT_START_##form TINYGEN_LOOP(step) back output(a, form)             \
            "dec %[rows]\n\tbrne 1b\n\tclr r1"                                                     \
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(in), [rows] "+r"(rows),                   \
              [n] "+r"(n), [k] "=&r"(k),                                                           \
              __VA_ARGS__                                                                          \
            :                                                                                      \
            : "r0", "memory");                                                                     \
        return acc;                                                                                \
    }

/* their classes are as wide as the instructions allow */
#define TINYGEN_UNIT_W8 [a0] "=&d"(a0), [a1] "=&a"(a1), [a2] "=&d"(a2), TINYGEN_TEMPS
#define TINYGEN_UNIT_W16 [a0] "=&d"(a0), [a1] "=&r"(a1), [a2] "=&a"(a2), TINYGEN_TEMPS_HI
#define TINYGEN_FINE_W8 [a0] "=&a"(a0), [a1] "=&d"(a1), [a2] "=&r"(a2), TINYGEN_TEMPS
#define TINYGEN_FINE_W16 [a0] "=&r"(a0), [a1] "=&a"(a1), [a2] "=&r"(a2), TINYGEN_TEMPS_HI

/* acc += v * unit, unless that is below 0: v is w, or hi:w where it has 16 bits */
#define TINYGEN_OUT(u, form, more)                                                                 \
    "lpm %[w],Z+\n\t" more "tst %[" #u "2]\n\tbrmi 3f\n\t" TINYGEN_UNIT_SHIFT_##form(u)
#define TINYGEN_OUT24(u, form)                                                                     \
    TINYGEN_OUT(u, form, "")                                                                       \
    "mulsu %[w]," TINYGEN_UNIT_LOW_##form(u) "\n\t" TINYGEN_ADD24                                  \
    "muls %[w]," TINYGEN_UNIT_HIGH_##form(u) "\n\t" TINYGEN_HIGH24 "3:\n\t"
#define TINYGEN_OUT32(u, form)                                                                     \
    TINYGEN_OUT(u, form, "")                                                                       \
    "mulsu %[w]," TINYGEN_UNIT_LOW_##form(u) "\n\t" TINYGEN_ADD32                                  \
    "muls %[w]," TINYGEN_UNIT_HIGH_##form(u) "\n\t" TINYGEN_HIGH32 "3:\n\t"
#define TINYGEN_OUT_W16(u, form)                                                                   \
    TINYGEN_OUT(u, form, "lpm %[hi],Z+\n\t")                                                       \
    "mov %[lo]," TINYGEN_UNIT_LOW_##form(u) "\n\t" TINYGEN_LOW32                                   \
    "mulsu %[hi],%[lo]\n\t" TINYGEN_HIGH32                                                         \
    "mulsu " TINYGEN_UNIT_HIGH_##form(u) ",%[w]\n\t" TINYGEN_HIGH32                                \
    "muls %[hi]," TINYGEN_UNIT_HIGH_##form(u) "\n\tadd %C[acc],r0\n\tadc %D[acc],r1\n\t3:\n\t"

#define TINYGEN_NET(operands, acc_t, in_t, in, output, ...)                                        \
    TINYGEN_NET_ASM(tinygen_relu_net_##operands, 8, acc_t, in_t, TINYGEN_UNIT_##in,                \
                    TINYGEN_BACK_##in, output, __VA_ARGS__)

TINYGEN_NET(s8_w8_24, tinygen_int24, int8_t, S8, TINYGEN_OUT24, TINYGEN_UNIT_W8)
TINYGEN_NET(s8_w8_32, int32_t, int8_t, S8, TINYGEN_OUT32, TINYGEN_UNIT_W8)
TINYGEN_NET(s8_w16_32, int32_t, int8_t, S8, TINYGEN_OUT_W16, TINYGEN_UNIT_W16)
TINYGEN_NET(u8_w8_24, tinygen_int24, uint8_t, U8, TINYGEN_OUT24, TINYGEN_UNIT_W8)
TINYGEN_NET(u8_w8_32, int32_t, uint8_t, U8, TINYGEN_OUT32, TINYGEN_UNIT_W8)
TINYGEN_NET(u8_w16_32, int32_t, uint8_t, U8, TINYGEN_OUT_W16, TINYGEN_UNIT_W16)
TINYGEN_NET(s16_w8_24, tinygen_int24, int16_t, S16, TINYGEN_OUT24, TINYGEN_UNIT_W8, [hi] "=&d"(hi))
TINYGEN_NET(s16_w8_32, int32_t, int16_t, S16, TINYGEN_OUT32, TINYGEN_UNIT_W8, [hi] "=&d"(hi))
TINYGEN_NET(s16_w16_32, int32_t, int16_t, S16, TINYGEN_OUT_W16, TINYGEN_UNIT_W16)

#define TINYGEN_FINE_NET(form, operands, acc_t, output, ...)                                       \
    TINYGEN_NET_ASM(tinygen_fine_net_##form##_##operands, form, acc_t, int8_t, TINYGEN_UNIT_S8,    \
                    TINYGEN_BACK_S8, output, __VA_ARGS__)
#define TINYGEN_FINE_NETS(form)                                                                    \
    TINYGEN_FINE_NET(form, w8_24, tinygen_int24, TINYGEN_OUT24, TINYGEN_FINE_W8)                   \
    TINYGEN_FINE_NET(form, w8_32, int32_t, TINYGEN_OUT32, TINYGEN_FINE_W8)                         \
    TINYGEN_FINE_NET(form, w16_32, int32_t, TINYGEN_OUT_W16, TINYGEN_FINE_W16)

TINYGEN_FINE_NETS(1)
TINYGEN_FINE_NETS(4)

/* Units a, b (c, d) share what it takes to fetch an input. */
#define TINYGEN_GROUP_START_8(u)                                                                   \
    "lpm %[" #u "1],Z+\n\tlpm %[" #u "2],Z+\n\tmov %[" #u "0],%[w]\n\t"
#define TINYGEN_GROUP_START_1(u)                                                                   \
    "lpm %[" #u "0],Z+\n\tlpm %[" #u "1],Z+\n\tlpm %[" #u "2],Z+\n\t"
#define TINYGEN_GROUP_START_4 TINYGEN_GROUP_START_1
#define TINYGEN_GROUP_START_6 TINYGEN_GROUP_START_1
#define TINYGEN_GROUPS_START_8 "ldi %[w],0x80\n\t"
#define TINYGEN_GROUPS_START_1
#define TINYGEN_GROUPS_START_4
#define TINYGEN_GROUPS_START_6
#define TINYGEN_GROUP_LOW(u, mul)                                                                  \
    "lpm %[w],Z+\n\t" mul " %[w],%[lo]\n\tsbc %[v],%[v]\n\t"                                       \
    "add %[" #u "0],r0\n\tadc %[" #u "1],r1\n\tadc %[" #u "2],%[v]\n\t"
#define TINYGEN_GROUP_S8(u) TINYGEN_GROUP_LOW(u, "muls")
#define TINYGEN_GROUP_U8(u) TINYGEN_GROUP_LOW(u, "mulsu")
#define TINYGEN_GROUP_S16(u)                                                                       \
    TINYGEN_GROUP_LOW(u, "mulsu")                                                                  \
    "muls %[w],%[hi]\n\tadd %[" #u "1],r0\n\tadc %[" #u "2],r1\n\t"
#define TINYGEN_NEXT_S8 "ld %[lo],X+\n\t"
#define TINYGEN_NEXT_U8 TINYGEN_NEXT_S8
#define TINYGEN_NEXT_S16 "ld %[lo],X+\n\tld %[hi],X+\n\t"

/* A kernel of groups of units, which keeps `own` beside its sums; who uses it declares its
 * temporary values. */
#define TINYGEN_GROUPS(in_t, own, starts, steps, outs, ...)                                        \
    register const int8_t *rom __asm__("r30") = table;                                             \
    register const in_t *in_x __asm__("r26") = x;                                                  \
    __asm__ __volatile__(                                                                          \
        "1:\n\t" starts "mov %[k],%[n]\n2:\n\t" steps "dec %[k]\n\tbrne 2b\n\t" outs               \
        "dec %[groups]\n\tbreq 4f\n\trjmp 1b\n4:\n\tclr r1"                                        \
        : own, [rom] "+r"(rom), [x] "+r"(in_x), [groups] "+r"(groups), [n] "+r"(n), __VA_ARGS__    \
        :                                                                                          \
        : "r0", "memory");
#define TINYGEN_STARTS_2(form)                                                                     \
    TINYGEN_GROUPS_START_##form TINYGEN_GROUP_START_##form(a) TINYGEN_GROUP_START_##form(b)
#define TINYGEN_STARTS_4(form)                                                                     \
    TINYGEN_STARTS_2(form) TINYGEN_GROUP_START_##form(c) TINYGEN_GROUP_START_##form(d)
#define TINYGEN_STEPS_2(in) TINYGEN_NEXT_##in TINYGEN_GROUP_##in(a) TINYGEN_GROUP_##in(b)
#define TINYGEN_STEPS_4(in) TINYGEN_STEPS_2(in) TINYGEN_GROUP_##in(c) TINYGEN_GROUP_##in(d)
#define TINYGEN_SUM(u) [u##0] "=&r"(u##0), [u##1] "=&r"(u##1), [u##2] "=&r"(u##2)
#define TINYGEN_VALUES_2 uint8_t w, v, lo, hi, k, a0, a1, a2, b0, b1, b2;
#define TINYGEN_VALUES_4 TINYGEN_VALUES_2 uint8_t c0, c1, c2, d0, d1, d2;
#define TINYGEN_SUMS_2                                                                             \
    [w] "=&a"(w), [v] "=&a"(v), [lo] "=&a"(lo), [hi] "=&a"(hi), [k] "=&r"(k), TINYGEN_SUM(a),      \
        TINYGEN_SUM(b)
#define TINYGEN_SUMS_4 TINYGEN_SUMS_2, TINYGEN_SUM(c), TINYGEN_SUM(d)

/* Units that are moved to hi:lo to be multiplied with their shares. */
#define TINYGEN_MOVED(u, form, more, mac)                                                          \
    TINYGEN_OUT(u, form, more)                                                                     \
    "mov %[lo]," TINYGEN_UNIT_LOW_##form(u) "\n\t"                                                 \
    "mov %[hi]," TINYGEN_UNIT_HIGH_##form(u) "\n\t" mac "3:\n\t"
#define TINYGEN_MOVED24(u, form) TINYGEN_MOVED(u, form, "", TINYGEN_MAC_W8_24)
#define TINYGEN_MOVED32(u, form) TINYGEN_MOVED(u, form, "", TINYGEN_MAC_W8_32)
#define TINYGEN_MOVED_W16(u, form) TINYGEN_MOVED(u, form, "lpm %[v],Z+\n\t", TINYGEN_MAC_W16_32)
#define TINYGEN_OUTS_2(form, out) out(a, form) out(b, form)
#define TINYGEN_OUTS_4(form, out) TINYGEN_OUTS_2(form, out) out(c, form) out(d, form)
#define TINYGEN_MOVED_UNITS(name, units, form, acc_t, in_t, in, out)                               \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t groups,        \
                             uint8_t n)                                                            \
    {                                                                                              \
        TINYGEN_VALUES_##units                                                                     \
        TINYGEN_GROUPS(in_t, [acc] "+r"(acc), TINYGEN_STARTS_##units(form),                        \
                       TINYGEN_STEPS_##units(in),                                                  \
                       TINYGEN_BACK_##in TINYGEN_OUTS_##units(form, out), TINYGEN_SUMS_##units)    \
        return acc;                                                                                \
    }

/* Two units that are multiplied where they are. In a crowded function GCC does not find the
 * registers that this takes, so that they are named: low and high are those of the byte that a
 * unit's value starts with and of the next. The sum has r22 to r25; of one of 24 bits r25 is left
 * for `hi`, the high byte of int16 inputs. */
#define TINYGEN_IN_8(u, low, high, other)                                                          \
    register uint8_t u##0 __asm__(other), u##1 __asm__(low), u##2 __asm__(high);
#define TINYGEN_IN_1(u, low, high, other)                                                          \
    register uint8_t u##0 __asm__(low), u##1 __asm__(high), u##2 __asm__(other);
#define TINYGEN_IN_4 TINYGEN_IN_1
#define TINYGEN_HI_S8
#define TINYGEN_HI_U8
#define TINYGEN_HI_S16 register uint8_t hi __asm__("r25");
#define TINYGEN_TOO_S8()
#define TINYGEN_TOO_U8()
#define TINYGEN_TOO_S16() , [hi] "=&r"(hi)
#define TINYGEN_PAIRS_THERE(name, form, acc_t, in_t, in, out)                                      \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t pairs,         \
                             uint8_t inputs)                                                       \
    {                                                                                              \
        register uint8_t groups __asm__("r11") = pairs, n __asm__("r10") = inputs;                 \
        register uint8_t w __asm__("r18"), lo __asm__("r19"), v __asm__("r13"), k __asm__("r12");  \
        TINYGEN_HI_##in                                                                            \
        TINYGEN_IN_##form(a, "r20", "r16", "r14") TINYGEN_IN_##form(b, "r21", "r17", "r15")        \
        register acc_t sum __asm__("r22") = acc;                                                   \
        TINYGEN_GROUPS(in_t, [acc] "+r"(sum), TINYGEN_STARTS_2(form), TINYGEN_STEPS_2(in),         \
                       TINYGEN_BACK_##in TINYGEN_OUTS_2(form, TINYGEN_OUT##out), TINYGEN_SUM(a),   \
                       TINYGEN_SUM(b), [w] "=&r"(w), [v] "=&r"(v), [lo] "=&r"(lo),                 \
                       [k] "=&r"(k) TINYGEN_TOO_##in())                                            \
        return sum;                                                                                \
    }

#define TINYGEN_PAIRS_MOVED(name, form, acc_t, in_t, in, out)                                      \
    TINYGEN_MOVED_UNITS(name, 2, form, acc_t, in_t, in, TINYGEN_MOVED##out)
#define TINYGEN_NET_GROUPS(operands, acc_t, in_t, in, out, pairs)                                  \
    pairs(tinygen_relu_pairs_##operands, 8, acc_t, in_t, in, out)                                  \
    TINYGEN_MOVED_UNITS(tinygen_relu_quads_##operands, 4, 8, acc_t, in_t, in, TINYGEN_MOVED##out)
#define TINYGEN_FINE_GROUPS(form, operands, acc_t, out, pairs)                                     \
    pairs(tinygen_fine_pairs_##form##_##operands, form, acc_t, int8_t, S8, out)                    \
    TINYGEN_MOVED_UNITS(tinygen_fine_quads_##form##_##operands, 4, form, acc_t, int8_t, S8,        \
                        TINYGEN_MOVED##out)

TINYGEN_NET_GROUPS(s8_w8_24, tinygen_int24, int8_t, S8, 24, TINYGEN_PAIRS_THERE)
TINYGEN_NET_GROUPS(s8_w8_32, int32_t, int8_t, S8, 32, TINYGEN_PAIRS_THERE)
TINYGEN_NET_GROUPS(s8_w16_32, int32_t, int8_t, S8, _W16, TINYGEN_PAIRS_MOVED)
TINYGEN_NET_GROUPS(u8_w8_24, tinygen_int24, uint8_t, U8, 24, TINYGEN_PAIRS_THERE)
TINYGEN_NET_GROUPS(u8_w8_32, int32_t, uint8_t, U8, 32, TINYGEN_PAIRS_THERE)
TINYGEN_NET_GROUPS(u8_w16_32, int32_t, uint8_t, U8, _W16, TINYGEN_PAIRS_MOVED)
TINYGEN_NET_GROUPS(s16_w8_24, tinygen_int24, int16_t, S16, 24, TINYGEN_PAIRS_THERE)
TINYGEN_NET_GROUPS(s16_w8_32, int32_t, int16_t, S16, 32, TINYGEN_PAIRS_MOVED)
TINYGEN_NET_GROUPS(s16_w16_32, int32_t, int16_t, S16, _W16, TINYGEN_PAIRS_MOVED)

TINYGEN_FINE_GROUPS(1, w8_24, tinygen_int24, 24, TINYGEN_PAIRS_THERE)
TINYGEN_FINE_GROUPS(1, w8_32, int32_t, 32, TINYGEN_PAIRS_THERE)
TINYGEN_FINE_GROUPS(1, w16_32, int32_t, _W16, TINYGEN_PAIRS_MOVED)
TINYGEN_FINE_GROUPS(4, w8_24, tinygen_int24, 24, TINYGEN_PAIRS_THERE)
TINYGEN_FINE_GROUPS(4, w8_32, int32_t, 32, TINYGEN_PAIRS_THERE)
TINYGEN_FINE_GROUPS(4, w16_32, int32_t, _W16, TINYGEN_PAIRS_MOVED)

#define TINYGEN_STORES_2(form) TINYGEN_STORE_##form(a) TINYGEN_STORE_##form(b)
#define TINYGEN_STORES_4(form)                                                                     \
    TINYGEN_STORES_2(form) TINYGEN_STORE_##form(c) TINYGEN_STORE_##form(d)
#define TINYGEN_LAYER_GROUPS(name, units, form, in_t, in)                                          \
    static inline void name(const int8_t *table, const in_t *x, TINYGEN_STORED_##form *h,          \
                            uint8_t groups, uint8_t n)                                             \
    {                                                                                              \
        TINYGEN_VALUES_##units                                                                     \
        TINYGEN_GROUPS(in_t, [h] "+r"(h), TINYGEN_STARTS_##units(form), TINYGEN_STEPS_##units(in), \
                       TINYGEN_BACK_##in TINYGEN_AT_H(TINYGEN_STORES_##units(form)),               \
                       TINYGEN_SUMS_##units)                                                       \
    }

TINYGEN_LAYER_GROUPS(tinygen_relu_layer_pairs_s8, 2, 8, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_relu_layer_quads_s8, 4, 8, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_relu_layer_pairs_u8, 2, 8, uint8_t, U8)
TINYGEN_LAYER_GROUPS(tinygen_relu_layer_quads_u8, 4, 8, uint8_t, U8)
TINYGEN_LAYER_GROUPS(tinygen_relu_layer_pairs_s16, 2, 8, int16_t, S16)
TINYGEN_LAYER_GROUPS(tinygen_relu_layer_quads_s16, 4, 8, int16_t, S16)
TINYGEN_LAYER_GROUPS(tinygen_fine_layer_pairs_1, 2, 1, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_fine_layer_quads_1, 4, 1, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_fine_layer_pairs_4, 2, 4, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_fine_layer_quads_4, 4, 4, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_byte_layer_pairs_6, 2, 6, int8_t, S8)
TINYGEN_LAYER_GROUPS(tinygen_byte_layer_quads_6, 4, 6, int8_t, S8)

/* ---- hidden layers whose inputs stay in registers: 12 cycles an input and unit ------------------
 * Inputs and weights are unsigned here: u = x + 2^15 in r3:r2, r5:r4 and so on, v = w + 2^7. The
 * sum of w * x is that of v * u, less 2^7 times that of u, less a share that the bias holds; all of
 * it modulo 2^24, in which the sum itself fits. 2^7 (1 - sum of u), which rounds as well, is
 * in r27:r26 and T. `hi` is 0 until a share is read.
 */
#define TINYGEN_HELD_LOAD(low, high)                                                               \
    "ld " low ",X+\n\tld %[w],X+\n\tsubi %[w],0x80\n\tmov " high ",%[w]\n\t"                       \
    "sub %[lo]," low "\n\tsbc %[a1]," high "\n\tsbc %[a2],%[hi]\n\t"
#define TINYGEN_HELD_ADD(low, high)                                                                \
    "lpm %[w],Z+\n\tmul %[w]," low "\n\tadd %[lo],r0\n\tadc %[a1],r1\n\tadc %[a2],%[hi]\n\t"       \
    "mul %[w]," high "\n\tadd %[a1],r0\n\tadc %[a2],r1\n\t"
#define TINYGEN_HELD_2(step) step("r2", "r3") step("r4", "r5")
#define TINYGEN_HELD_3(step) TINYGEN_HELD_2(step) step("r6", "r7")
#define TINYGEN_HELD_4(step) TINYGEN_HELD_3(step) step("r8", "r9")
#define TINYGEN_HELD_5(step) TINYGEN_HELD_4(step) step("r10", "r11")
#define TINYGEN_HELD_6(step) TINYGEN_HELD_5(step) step("r12", "r13")
#define TINYGEN_HELD_7(step) TINYGEN_HELD_6(step) step("r14", "r15")
#define TINYGEN_HELD_IN_2 "r2", "r3", "r4", "r5"
#define TINYGEN_HELD_IN_3 TINYGEN_HELD_IN_2, "r6", "r7"
#define TINYGEN_HELD_IN_4 TINYGEN_HELD_IN_3, "r8", "r9"
#define TINYGEN_HELD_IN_5 TINYGEN_HELD_IN_4, "r10", "r11"
#define TINYGEN_HELD_IN_6 TINYGEN_HELD_IN_5, "r12", "r13"
#define TINYGEN_HELD_IN_7 TINYGEN_HELD_IN_6, "r14", "r15"
#define TINYGEN_HELD_ASM(name, acc_t, inputs, clobbered, output)                                   \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t rows)       \
    {                                                                                              \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const int16_t *in __asm__("r26") = x;                                             \
        register uint8_t a1 __asm__("r16"), a2 __asm__("r17"), w __asm__("r18"),                   \
            lo __asm__("r19"), hi __asm__("r20"), k __asm__("r21") = rows;                         \
        __asm__ __volatile__(                                                                      \
            "ldi %[lo],1\n\tclr %[a1]\n\tclr %[a2]\n\tclr %[hi]\n\t" inputs(TINYGEN_HELD_LOAD)     \
            "bst %[lo],0\n\tlsr %[a2]\n\tror %[a1]\n\tror %[lo]\n\t"                               \
            "mov r26,%[lo]\n\tmov r27,%[a1]\n1:\n\t"                                               \
            "clr %[hi]\n\tclr %[lo]\n\tbld %[lo],7\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\t"            \
            "add %[a1],r26\n\tadc %[a2],r27\n\t" inputs(TINYGEN_HELD_ADD) output(a, 8)             \
            "dec %[k]\n\tbreq 4f\n\trjmp 1b\n4:\n\tclr r1"                                         \
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(in), [k] "+r"(k), [a1] "=&r"(a1),         \
              [a2] "=&r"(a2), [w] "=&r"(w), [lo] "=&r"(lo), [hi] "=&r"(hi)                         \
            :                                                                                      \
            : "r0", clobbered, "memory");                                                          \
        return acc;                                                                                \
    }
#define TINYGEN_HELD(n)                                                                            \
    TINYGEN_HELD_ASM(tinygen_relu_held_##n##_w8_24, tinygen_int24, TINYGEN_HELD_##n,               \
                     TINYGEN_HELD_IN_##n, TINYGEN_OUT24)                                           \
    TINYGEN_HELD_ASM(tinygen_relu_held_##n##_w8_32, int32_t, TINYGEN_HELD_##n,                     \
                     TINYGEN_HELD_IN_##n, TINYGEN_OUT32)                                           \
    TINYGEN_HELD_ASM(tinygen_relu_held_##n##_w16_32, int32_t, TINYGEN_HELD_##n,                    \
                     TINYGEN_HELD_IN_##n, TINYGEN_OUT_W16)

TINYGEN_HELD(2)
TINYGEN_HELD(3)
TINYGEN_HELD(4)
TINYGEN_HELD(5)
TINYGEN_HELD(6)
TINYGEN_HELD(7)

#endif
