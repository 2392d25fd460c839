"""The warnings under which everything that is C compiles: more than -Wall -Wextra."""


def warnings(names: str) -> list[str]:
    return [f"-W{name}" for name in names.split()]


CLANG = ["-Weverything"]
# what is not called is compiled as well
GCC = ["-fkeep-inline-functions", "-fkeep-static-functions"]
GCC += warnings(
    """all extra pedantic conversion sign-conversion arith-conversion shadow undef
    cast-align=strict cast-qual double-promotion format=2 logical-op duplicated-cond
    duplicated-branches null-dereference redundant-decls switch-enum switch-default float-equal
    vla unused-macros write-strings pointer-arith missing-declarations date-time
    strict-overflow=5 trampolines packed padded aggregate-return unsafe-loop-optimizations
    disabled-optimization"""
)
GCC_C = warnings(
    """strict-prototypes missing-prototypes old-style-definition nested-externs
    bad-function-cast c++-compat jump-misses-init traditional-conversion"""
)
GCC_CPP = warnings(
    """old-style-cast useless-cast zero-as-null-pointer-constant sign-promo
    ctor-dtor-privacy noexcept strict-null-sentinel extra-semi overloaded-virtual"""
)
# Compiler -> the name by which docs/misra.md calls it, the language, the flags
COMPILERS = {
    "clang": ("Clang", "c", ["-std=c99", *CLANG]),
    "clang++": ("Clang", "cpp", ["-std=c++11", *CLANG]),
    "gcc": ("GCC", "c", ["-std=c99", *GCC, *GCC_C]),
    "g++": ("GCC", "cpp", ["-std=c++11", *GCC, *GCC_CPP]),
}
