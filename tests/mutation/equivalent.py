"""Mutants that no test can notice, and why: (file, line as it was, line as it is) -> reason."""

FITTED = "fitted = trained.family.fit_all(rows, [trained.config], dataset.split.seed, draft=True)"
EQUIVALENT = {
    (
        "tinygen/search/quantization.py",
        "INT32 = -(2**31), 2**31 - 1",
        "INT32 = -(2**31), 2**31 * 1",
    ): "no sum of a model reaches 2^31",
    (
        "tinygen/search/quantization.py",
        f"{FITTED}[0]",
        f"{FITTED}[ -1]",
    ): "of one configuration there is one fit",
    (
        "tinygen/model/operations/dense_kernels.py",
        "return len(self.hidden_layer.weights[0])",
        "return len(self.hidden_layer.weights[ 1])",
    ): "a layer has two rows or more, all of one length",
    (
        "tinygen/model/operations/argmax.py",
        "low = tuple(sum(v for v in c[: self.count] if v < 0) for c in columns)",
        "low = tuple(sum(v for v in c[: self.count] if v < 1) for c in columns)",
    ): "a 0 adds nothing",
    (
        "host/protocol.py",
        "if version == MODELS_VERSION and frame.kind == Kind.RESULT:",
        "if version >= MODELS_VERSION and frame.kind == Kind.RESULT:",
    ): "it is the last version",
    (
        "host/protocol.py",
        "VERSION: (Flag.CLAMPED | Flag.MISSING, Pin.RED | Pin.GREEN),",
        "VERSION: (Flag.CLAMPED | Flag.MISSING, Pin.RED ^ Pin.GREEN),",
    ): "flags that share no bit",
    (
        "host/protocol.py",
        "VERSION: (Flag.CLAMPED | Flag.MISSING, Pin.RED | Pin.GREEN),",
        "VERSION: (Flag.CLAMPED | Flag.MISSING, Pin.RED + Pin.GREEN),",
    ): "flags that share no bit",
    (
        "host/check.py",
        "unsure = answers == MISSING if model.remembers else answers == NOT_SURE",
        "unsure = answers <= MISSING if model.remembers else answers == NOT_SURE",
    ): "nothing is below MISSING",
    (
        "host/check.py",
        "present = np.where(changed, Flag.CLAMPED, 0) | np.where(unsure, Flag.NOT_SURE, 0)",
        "present = np.where(changed, Flag.CLAMPED, 0) + np.where(unsure, Flag.NOT_SURE, 0)",
    ): "flags that share no bit",
    (
        "host/check.py",
        "present = np.where(changed, Flag.CLAMPED, 0) | np.where(unsure, Flag.NOT_SURE, 0)",
        "present = np.where(changed, Flag.CLAMPED, 0) ^ np.where(unsure, Flag.NOT_SURE, 0)",
    ): "flags that share no bit",
}
