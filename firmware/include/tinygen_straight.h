/* tinygen_straight.h -- how a header holds decision trees as straight code. Hand-written.
 * Included by tinygen_fixed.h, never alone. */
#ifndef TINYGEN_STRAIGHT_H
#define TINYGEN_STRAIGHT_H

/* One tree behind the other, and up to three sums in registers. A function of x, the raw inputs, is
 * written in these words; register numbers are for the assembly alone:
 *
 *   TINYGEN_STRAIGHT_1(bias)           also _2 and _3 with so many sums, and votes for each
 *     TINYGEN_KEEP(low, high, in)      x[in] stays in two registers, for TINYGEN_KEPT
 *     TINYGEN_CLAMP(r, in, from)       x[in] - from stays in one, for TINYGEN_IN_BYTE; 0 where it
 *                                      is less than that, 255 where it is more
 *     TINYGEN_SAME_HIGH(r, in, high)   the same of x[in] - 256 * high
 *     TINYGEN_KEEP_HIGH(r, high)       the high byte of limits stays in one, for TINYGEN_KEPT_HIGH
 *     TINYGEN_SEE(in, limit)           compares x[in], TINYGEN_SEE_SMALL with -1 .. 62; what is in
 *                                      registers TINYGEN_KEPT does, TINYGEN_KEPT_LOW for -1 .. 254,
 *                                      TINYGEN_KEPT_HIGH and TINYGEN_IN_BYTE
 *     TINYGEN_IF(ABOVE, k)             goes on at TINYGEN_PLACE(k) where x[in] > limit, with BELOW
 *                                      where it is not; behind TINYGEN_IN_BYTE with ..._BYTE
 *     TINYGEN_GAIN(n, v)               adds v to sum n, TINYGEN_GAIN_LOW where nothing is carried
 *     TINYGEN_GAIN_SMALL(v)            adds 1 .. 63 to sum 1, TINYGEN_LOSS_SMALL takes as much
 *     TINYGEN_VOTE(n)                  adds 1 to votes n
 *     TINYGEN_GO_ON(k)                 goes on at TINYGEN_PLACE(k)
 *     TINYGEN_TALLY_2                  adds 127 for each of all votes to each of two sums, and 127
 *                                      for each of its own; TINYGEN_TALLY_3 to three
 *   TINYGEN_STRAIGHT_1_END(registers)
 *
 * One tree may have parts as data, and ends with TINYGEN_STRAIGHT_1_HEAPS_END:
 *
 *     TINYGEN_HEAP(n, part)            adds what part, which has n levels, leads to, 0 .. 255, and
 *                                      goes on behind TINYGEN_HEAPS; TINYGEN_HEAP2 for 16 bits
 *       TINYGEN_FORK(in, limit, a, b)  the part is b where x[in] > limit, else a
 *       TINYGEN_TWO(in, limit, v, w)   the last level: w where x[in] > limit, else v
 *     TINYGEN_HEAPS(n)                 what walks the parts of up to n levels, 21 cycles for each
 *
 * Then tinygen_gained1 is the first sum. In C the words are if, goto and +=. On an AVR all of them
 * are one statement of assembly, in which a split takes 7 cycles, 3 or 4 where its input is kept, 2
 * as a byte, and a jump one more. TINYGEN_IF reaches 63 words, TINYGEN_IF_FAR the whole tree. */
#if TINYGEN_TREES_ASM

/* x in Z, r26 for what is needed for a moment */
#define TINYGEN_STRAIGHT_T register uint8_t tinygen_t __asm__("r26");
#define TINYGEN_SUM_IN(n, bias, r)                                                                 \
    register uint16_t tinygen_gained##n __asm__(r) = (uint16_t)(bias);
#define TINYGEN_VOTES_IN(n, r) register uint8_t tinygen_voted##n __asm__(r) = 0;
#define TINYGEN_STRAIGHT_1(bias)                                                                   \
    TINYGEN_STRAIGHT_T TINYGEN_SUM_IN(1, bias, "r24") __asm__ __volatile__(
#define TINYGEN_STRAIGHT_2(bias, bias2)                                                            \
    TINYGEN_STRAIGHT_T TINYGEN_SUM_IN(1, bias, "r24") TINYGEN_SUM_IN(2, bias2, "r22")              \
    TINYGEN_VOTES_IN(1, "r20") TINYGEN_VOTES_IN(2, "r21") __asm__ __volatile__(
#define TINYGEN_STRAIGHT_3(bias, bias2, bias3)                                                     \
    TINYGEN_STRAIGHT_T TINYGEN_SUM_IN(1, bias, "r24") TINYGEN_SUM_IN(2, bias2, "r22")              \
    TINYGEN_SUM_IN(3, bias3, "r20") TINYGEN_VOTES_IN(1, "r18") TINYGEN_VOTES_IN(2, "r19")          \
    TINYGEN_VOTES_IN(3, "r27") __asm__ __volatile__(
#define TINYGEN_OUT_SUM(n) [s##n] "+r"(tinygen_gained##n)
#define TINYGEN_OUT_BOTH(n) TINYGEN_OUT_SUM(n), [v##n] "+r"(tinygen_voted##n)
#define TINYGEN_STRAIGHT_IN(...)                                                                   \
    [t] "=&r"(tinygen_t) : [x] "z"(x) : "memory", __VA_ARGS__);
#define TINYGEN_STRAIGHT_1_END(...) : TINYGEN_OUT_SUM(1), TINYGEN_STRAIGHT_IN(__VA_ARGS__)
/* of a tree that has parts as data: they leave Z elsewhere */
#define TINYGEN_STRAIGHT_1_HEAPS_END(...)                                                          \
    : TINYGEN_OUT_SUM(1), [t] "=&r"(tinygen_t), [x] "+z"(x) : [rampz] "n"(TINYGEN_RAMPZ)           \
    : "memory", "r18", "r20", "r21", "r22", "r23", "r27", __VA_ARGS__);
#define TINYGEN_STRAIGHT_2_END(...)                                                                \
    : TINYGEN_OUT_BOTH(1), TINYGEN_OUT_BOTH(2), TINYGEN_STRAIGHT_IN(__VA_ARGS__)
#define TINYGEN_STRAIGHT_3_END(...)                                                                \
    : TINYGEN_OUT_BOTH(1), TINYGEN_OUT_BOTH(2), TINYGEN_OUT_BOTH(3),                               \
      TINYGEN_STRAIGHT_IN(__VA_ARGS__)

#define TINYGEN_KEEP(low, high, in)                                                                \
    "ldd r" #low ",Z+2*" #in "\n\tldd r" #high ",Z+2*" #in "+1\n\t"
#define TINYGEN_CLAMP(r, in, from)                                                                 \
    "ldd r" #r ",Z+2*" #in "\n\tldd %[t],Z+2*" #in "+1\n\tsubi r" #r ",lo8(" #from ")\n\t"         \
    "sbci %[t],hi8(" #from ")\n\tbrge 1f\n\tldi r" #r ",0\n\tldi %[t],0\n"                         \
    "1:\n\tcpse %[t],__zero_reg__\n\tldi r" #r ",255\n\t"
#define TINYGEN_SAME_HIGH(r, in, high)                                                             \
    "ldd %[t],Z+2*" #in "+1\n\tldd r" #r ",Z+2*" #in "\n\tcpi %[t],lo8(" #high ")\n\t"             \
    "breq 1f\n\tldi r" #r ",0\n\tbrlt 1f\n\tldi r" #r ",255\n1:\n\t"
#define TINYGEN_SEE(in, limit) TINYGEN_COMPARE(in, limit)
#define TINYGEN_SEE_SMALL(in, limit)                                                               \
    "ldd r26,Z+2*" #in "\n\tldd r27,Z+2*" #in "+1\n\tsbiw r26," #limit "+1\n\t"
#define TINYGEN_KEPT(low, high, in, limit)                                                         \
    "cpi r" #low ",lo8(" #limit "+1)\n\tldi %[t],hi8(" #limit "+1)\n\t"                            \
    "cpc r" #high ",%[t]\n\t"
#define TINYGEN_KEPT_LOW(low, high, in, limit)                                                     \
    "cpi r" #low ",lo8(" #limit "+1)\n\tcpc r" #high ",__zero_reg__\n\t"
#define TINYGEN_KEEP_HIGH(r, value) "ldi r" #r ",lo8(" #value ")\n\t"
#define TINYGEN_KEPT_HIGH(low, high, in, limit, r)                                                 \
    "cpi r" #low ",lo8(" #limit "+1)\n\tcpc r" #high ",r" #r "\n\t"
#define TINYGEN_IN_BYTE(r, from, in, limit) "cpi r" #r ",lo8(" #from ")\n\t"
#define TINYGEN_BRANCH_ABOVE "brge"
#define TINYGEN_BRANCH_BELOW "brlt"
#define TINYGEN_BRANCH_ABOVE_BYTE "brsh"
#define TINYGEN_BRANCH_BELOW_BYTE "brlo"
#define TINYGEN_STAY_ABOVE TINYGEN_BRANCH_BELOW
#define TINYGEN_STAY_BELOW TINYGEN_BRANCH_ABOVE
#define TINYGEN_STAY_ABOVE_BYTE TINYGEN_BRANCH_BELOW_BYTE
#define TINYGEN_STAY_BELOW_BYTE TINYGEN_BRANCH_ABOVE_BYTE
#define TINYGEN_IF(which, k) TINYGEN_BRANCH_##which " .Lplace%=_" #k "\n\t"
#define TINYGEN_IF_FAR(which, k) TINYGEN_STAY_##which " 1f\n\trjmp .Lplace%=_" #k "\n1:\n\t"
#define TINYGEN_GO_ON(k) "rjmp .Lplace%=_" #k "\n\t"
#define TINYGEN_GAIN(n, v)                                                                         \
    "subi %A[s" #n "],lo8(-(" #v "))\n\tsbci %B[s" #n "],hi8(-(" #v "))\n\t"
#define TINYGEN_GAIN_LOW(n, v) "subi %A[s" #n "],lo8(-(" #v "))\n\t"
#define TINYGEN_GAIN_SMALL(v) "adiw %A[s1]," #v "\n\t"
#define TINYGEN_LOSS_SMALL(v) "sbiw %A[s1]," #v "\n\t"
#define TINYGEN_VOTE(n) "inc %[v" #n "]\n\t"

/* a byte makes the whole even */
#define TINYGEN_HEAP(levels, whole) "rcall .Lheap%=_" #levels "\n\t" whole ".byte 0\n\t"
#define TINYGEN_HEAP2(levels, whole) TINYGEN_HEAP(levels, whole)
#define TINYGEN_FORK(in, limit, left, right)                                                       \
    ".byte 2*" #in "\n\t.word " #limit "\n\t" left right
#define TINYGEN_TWO(in, limit, v, w) TINYGEN_FORK(in, limit, ".byte " #v "," #w "\n\t", )
#define TINYGEN_TWO2(in, limit, v, w) TINYGEN_FORK(in, limit, ".word " #v "," #w "\n\t", )
/* x is in r22; the sign of limit - x moves Z over the left side */
#define TINYGEN_HEAP_STARTS(levels)                                                                \
    ".Lheap%=_" #levels ":\n\tmovw r22,r30\n\t" TINYGEN_RETURN_ADDRESS
#define TINYGEN_HEAP_LOWER(levels) TINYGEN_HEAP_STARTS(levels) "rjmp .Llevel%=_" #levels "\n"
#define TINYGEN_HEAP_LEVEL(levels, over)                                                           \
    ".Llevel%=_" #levels ":\n\t" TINYGEN_LPM " r18,Z+\n\tmovw r26,r22\n\tadd r26,r18\n\t"          \
    "adc r27,__zero_reg__\n\tld r20,X+\n\tld r21,X\n\t" TINYGEN_LPM " r18,Z+\n\tcp r18,r20\n\t"    \
    TINYGEN_LPM " r18,Z+\n\tcpc r18,r21\n\tbrge 1f\n\t" TINYGEN_OVER(#over) "1:\n\t"
#define TINYGEN_HEAP_STARTS_1 TINYGEN_HEAP_STARTS(1)
#define TINYGEN_HEAP_STARTS_2 TINYGEN_HEAP_LOWER(1) TINYGEN_HEAP_STARTS(2)
#define TINYGEN_HEAP_STARTS_3 TINYGEN_HEAP_LOWER(1) TINYGEN_HEAP_LOWER(2) TINYGEN_HEAP_STARTS(3)
#define TINYGEN_HEAP_STARTS_4                                                                      \
    TINYGEN_HEAP_LOWER(1) TINYGEN_HEAP_LOWER(2) TINYGEN_HEAP_LOWER(3) TINYGEN_HEAP_STARTS(4)
#define TINYGEN_LEVELS_1(a, b, c, d) TINYGEN_HEAP_LEVEL(1, a)
#define TINYGEN_LEVELS_2(a, b, c, d) TINYGEN_HEAP_LEVEL(2, b) TINYGEN_LEVELS_1(a, b, c, d)
#define TINYGEN_LEVELS_3(a, b, c, d) TINYGEN_HEAP_LEVEL(3, c) TINYGEN_LEVELS_2(a, b, c, d)
#define TINYGEN_LEVELS_4(a, b, c, d) TINYGEN_HEAP_LEVEL(4, d) TINYGEN_LEVELS_3(a, b, c, d)
#define TINYGEN_HEAPS(levels)                                                                      \
    TINYGEN_HEAP_STARTS_##levels TINYGEN_LEVELS_##levels(1, 5, 13, 29) TINYGEN_LPM                 \
        " r18,Z\n\tadd %A[s1],r18\n\tadc %B[s1],__zero_reg__\n\t"
#define TINYGEN_HEAPS2(levels)                                                                     \
    TINYGEN_HEAP_STARTS_##levels TINYGEN_LEVELS_##levels(2, 7, 17, 37) TINYGEN_LPM                 \
        " r18,Z+\n\tadd %A[s1],r18\n\t" TINYGEN_LPM " r18,Z\n\tadc %B[s1],r18\n\t"
/* sum + 127 * votes, which r0 holds seven bits further up */
#ifdef __AVR_HAVE_MUL__
#define TINYGEN_TALLY(n) "mul %[v" #n "],%[t]\n\tadd %A[s" #n "],r0\n\tadc %B[s" #n "],r1\n\t"
#define TINYGEN_TALLIES(sums) "ldi %[t],127\n\t" sums "clr __zero_reg__\n\t"
#else
#define TINYGEN_TALLY(n)                                                                           \
    "mov %[t],%[v" #n "]\n\tclr r0\n\tlsr %[t]\n\tror r0\n\tadd %A[s" #n "],r0\n\t"                \
    "adc %B[s" #n "],%[t]\n\tsub %A[s" #n "],%[v" #n "]\n\tsbc %B[s" #n "],__zero_reg__\n\t"
#define TINYGEN_TALLIES(sums) sums
#endif
#define TINYGEN_TALLY_2                                                                            \
    "mov %[t],%[v1]\n\tadd %[t],%[v2]\n\tadd %[v1],%[t]\n\tadd %[v2],%[t]\n\t"                     \
    TINYGEN_TALLIES(TINYGEN_TALLY(1) TINYGEN_TALLY(2))
#define TINYGEN_TALLY_3                                                                            \
    "mov %[t],%[v1]\n\tadd %[t],%[v2]\n\tadd %[t],%[v3]\n\tadd %[v1],%[t]\n\t"                     \
    "add %[v2],%[t]\n\tadd %[v3],%[t]\n\t"                                                         \
    TINYGEN_TALLIES(TINYGEN_TALLY(1) TINYGEN_TALLY(2) TINYGEN_TALLY(3))

#else

#define TINYGEN_SUM_IN(n, bias) int32_t tinygen_gained##n = (bias);
#define TINYGEN_VOTES_IN(n) uint8_t tinygen_voted##n = 0;
#define TINYGEN_STRAIGHT_1(bias) uint8_t tinygen_is_above = 0; TINYGEN_SUM_IN(1, bias)
#define TINYGEN_STRAIGHT_2(bias, bias2)                                                            \
    TINYGEN_STRAIGHT_1(bias) TINYGEN_SUM_IN(2, bias2) TINYGEN_VOTES_IN(1) TINYGEN_VOTES_IN(2)
#define TINYGEN_STRAIGHT_3(bias, bias2, bias3)                                                     \
    TINYGEN_STRAIGHT_2(bias, bias2) TINYGEN_SUM_IN(3, bias3) TINYGEN_VOTES_IN(3)
#define TINYGEN_STRAIGHT_1_END(...) (void)tinygen_is_above;
#define TINYGEN_STRAIGHT_1_HEAPS_END(...) TINYGEN_STRAIGHT_1_END(__VA_ARGS__)
#define TINYGEN_STRAIGHT_2_END(...)                                                                \
    (void)tinygen_is_above, (void)tinygen_voted1, (void)tinygen_voted2;
#define TINYGEN_STRAIGHT_3_END(...)                                                                \
    (void)tinygen_is_above, (void)tinygen_voted1, (void)tinygen_voted2, (void)tinygen_voted3;
#define TINYGEN_KEEP(low, high, in)
#define TINYGEN_CLAMP(r, in, from)
#define TINYGEN_SAME_HIGH(r, in, high)
#define TINYGEN_SEE(in, limit) tinygen_is_above = x[in] > (limit);
#define TINYGEN_SEE_SMALL(in, limit) TINYGEN_SEE(in, limit)
#define TINYGEN_KEPT(low, high, in, limit) TINYGEN_SEE(in, limit)
#define TINYGEN_KEPT_LOW(low, high, in, limit) TINYGEN_SEE(in, limit)
#define TINYGEN_KEEP_HIGH(r, value)
#define TINYGEN_KEPT_HIGH(low, high, in, limit, r) TINYGEN_SEE(in, limit)
#define TINYGEN_IN_BYTE(r, from, in, limit) TINYGEN_SEE(in, limit)
#define TINYGEN_BRANCH_ABOVE tinygen_is_above
#define TINYGEN_BRANCH_BELOW !tinygen_is_above
#define TINYGEN_BRANCH_ABOVE_BYTE tinygen_is_above
#define TINYGEN_BRANCH_BELOW_BYTE !tinygen_is_above
#define TINYGEN_IF(which, k)                                                                       \
    if (TINYGEN_BRANCH_##which) {                                                                  \
        goto place_##k;                                                                            \
    }
#define TINYGEN_IF_FAR(which, k) TINYGEN_IF(which, k)
#define TINYGEN_GO_ON(k) goto place_##k;
#define TINYGEN_GAIN(n, v) tinygen_gained##n += (v);
#define TINYGEN_GAIN_LOW(n, v) TINYGEN_GAIN(n, v)
#define TINYGEN_GAIN_SMALL(v) TINYGEN_GAIN(1, v)
#define TINYGEN_LOSS_SMALL(v) TINYGEN_GAIN(1, -(v))
#define TINYGEN_VOTE(n) ++tinygen_voted##n;
#define TINYGEN_HEAP(levels, whole)                                                                \
    {                                                                                              \
        tinygen_gained1 += (whole);                                                                \
        goto place_heap;                                                                           \
    }
#define TINYGEN_HEAP2(levels, whole) TINYGEN_HEAP(levels, whole)
#define TINYGEN_FORK(in, limit, left, right) (x[in] > (limit) ? (right) : (left))
#define TINYGEN_TWO(in, limit, v, w) TINYGEN_FORK(in, limit, v, w)
#define TINYGEN_TWO2(in, limit, v, w) TINYGEN_FORK(in, limit, v, w)
#define TINYGEN_HEAPS(levels) place_heap:
#define TINYGEN_HEAPS2(levels) TINYGEN_HEAPS(levels)
#define TINYGEN_TALLY(n, votes)                                                                    \
    tinygen_gained##n += 127 * ((int32_t)votes + tinygen_voted##n);
#define TINYGEN_TALLY_2                                                                            \
    {                                                                                              \
        const uint8_t votes = (uint8_t)(tinygen_voted1 + tinygen_voted2);                          \
        TINYGEN_TALLY(1, votes) TINYGEN_TALLY(2, votes)                                            \
    }
#define TINYGEN_TALLY_3                                                                            \
    {                                                                                              \
        const uint8_t votes = (uint8_t)(tinygen_voted1 + tinygen_voted2 + tinygen_voted3);         \
        TINYGEN_TALLY(1, votes) TINYGEN_TALLY(2, votes) TINYGEN_TALLY(3, votes)                    \
    }

#endif

#endif
