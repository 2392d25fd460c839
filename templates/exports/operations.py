"""The operations of a model in plain Python, for CPython and MicroPython: one function each.

A function takes a list of integers and the fields of its node, in their order, and returns a list.
An export holds those that its model needs. The NumPy twins stand in tinygen/model/operations.
"""


def rounded(value, shift):
    return (value + (1 << shift >> 1)) >> shift


def within(value, low, high):
    return low if value < low else high if value > high else value


def scale(x, low, multiplier, shift, top, zero):
    return [
        min(rounded(max(v - a, 0) * m, shift), top) - zero for v, a, m in zip(x, low, multiplier)
    ]


def dense(x, weights, bias, shift, low, high, bias_shift):
    return [
        within(rounded(sum(w * v for w, v in zip(row, x)) + (b << bias_shift), shift), low, high)
        for row, b in zip(weights, bias)
    ]


def sums(x, weights, bias):
    if len(x) > 1 and len(weights[0]) == 1:
        return [row[0] * v + b for row, v, b in zip(weights, x, bias)]
    return [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(weights, bias)]


def quantized_dense(x, weights, bias, multiplier, shift, zero, low, high):
    return [
        within((((acc * m >> 32) >> (s - 1)) + 1 >> 1) + zero, low, high)
        for acc, m, s in zip(sums(x, weights, bias), multiplier, shift)
    ]


def quantized_conv(x, weights, bias, multiplier, shift, zero, low, high):
    y = []
    for acc, m, s in zip(sums(x, weights, bias), multiplier, shift):
        once = (4 * acc * m >> 32) + 1 >> 1
        y.append(within((((once - (once < 0)) >> s) + 1 >> 1) + zero, low, high))
    return y


def curve(x, origin, step_bits, table):
    distance = within(x - origin, 0, ((len(table) - 1) << step_bits) - 1)
    at = distance << 8 >> step_bits
    here = table[at >> 8]
    return here + rounded((table[(at >> 8) + 1] - here) * (at & 255), 8)


def lookup(x, curves, total, bias, low, high):
    y = [curve(x[source], origin, bits, table) for source, origin, bits, table in curves]
    return [within(sum(y) + bias, low, high)] if total else y


def activation(x, origin, step_bits, table):
    return [curve(v, origin, step_bits, table) for v in x]


def leaf(x, splits, at):
    while at >= 0:
        source, limit, left, right = splits[at]
        at = left if x[source] <= limit else right
    return -1 - at


def forest(x, splits, leaves, roots, bias, low, high):
    y = list(bias)
    for root in roots:
        values = leaves[leaf(x, splits, root)]
        y = [a + b for a, b in zip(y, values)]
    return [within(v, low, high) for v in y]


def leaf_lines(x, splits, weights, bias, shift, low, high):
    k = leaf(x, splits, 0)
    acc = sum(w * v for w, v in zip(weights[k], x)) + bias[k]
    return [within(rounded(acc, shift), low, high)]


def trees(x, splits, leaves, roots):
    return [leaves[leaf(x, splits, root)] for root in roots]


def median(x, weights):
    half, reached = (sum(weights) + 1) // 2, 0
    for value, weight in sorted(zip(x, weights)):
        reached += weight
        if reached >= half:
            return [value]
    return []  # never: all weights together are more than half


def neighbours(x, weights, bias, count, values):
    found = [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(weights, bias)]
    nearest = sorted(range(len(found)), key=lambda k: (-found[k], k))[:count]
    return [sum(values[k][j] for k in nearest) for j in range(len(values[0]))]


def monomials(x, terms, bits):
    y = []
    for term in terms:
        product = x[term[0]]
        for k in term[1:]:
            product *= x[k]
        y.append((product << bits, product, rounded(product, bits))[len(term) - 1])
    return y


def power(x, degree, fine):
    return [rounded(v * v if degree == 2 else (v * v >> 16) * v, 18 if fine else 16) for v in x]


def exp2(x):
    y = []
    for v in x:
        f = (v & 4095) << 4
        bulge = f * (-f & 65535) >> 16
        mantissa = 32768 + (f >> 1) - (bulge * (20000 + (f * 5050 >> 16)) >> 17)
        y.append((mantissa >> 14 - (v >> 12)) + 1 >> 1)
    return y


def log2(x, columns):
    y = list(x)
    for k in columns:
        mantissa, octave = max(x[k], 1), 15
        while mantissa < 32768:
            mantissa, octave = mantissa << 1, octave - 1
        t = mantissa >> 7 & 255
        bulge = t * (-t & 255) >> 7
        bend = 216 - (t >> 2) - (t >> 4)
        y[k] = octave * 2048 + ((mantissa & 32767) >> 4) + (bulge * bend >> 7)
    return y


def calibrate(x, gain, offset, low, high, live):
    return [within(rounded(v * gain + offset, 12), low, high) for v in x]


def outside(x, low, high):
    return [sum(v < a or v > b for v, a, b in zip(x, low, high))]


def argmax(x):
    return [x.index(max(x))]
