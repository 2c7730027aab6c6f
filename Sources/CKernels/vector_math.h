// Functions of a vector's values, for every SIMD level. The file that includes this one defines
//   vf (floats), vi (as many int32), both by clang's ext_vector_type,
//   v_iota(): 0, 1, 2 …

EK_INLINE vf v_fma(vf a, vf b, vf c) { return __builtin_elementwise_fma(a, b, c); }
EK_INLINE vf v_select(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
// A NaN in `b` wins; one in `a` loses.
EK_INLINE vf v_larger(vf a, vf b) { return v_select(a > b, a, b); }
EK_INLINE vf v_tail(vf v, size_t n, float fill) { return v_select(v_iota() < (vi)(int32_t)n, v, (vf)fill); }

// e^x for x <= 0, relative error below 2e-7; 0 below -87, NaN for NaN.
// Cephes (Moshier): x = n ln 2 + r, e^r = 1 + r + r^2 P(r).
EK_INLINE vf v_exp(vf x) {
    const vf magic = (vf)12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    vf t = v_fma(x, (vf)1.44269504089f, magic);
    vf n = t - magic;
    vf r = v_fma(n, (vf)-0.693359375f, x);
    r = v_fma(n, (vf)2.12194440e-4f, r);
    vf p = (vf)1.9875691500e-4f;
    p = v_fma(p, r, (vf)1.3981999507e-3f);
    p = v_fma(p, r, (vf)8.3334519073e-3f);
    p = v_fma(p, r, (vf)4.1665795894e-2f);
    p = v_fma(p, r, (vf)1.6666665459e-1f);
    p = v_fma(p, r, (vf)5.0000001201e-1f);
    p = v_fma(p, r * r, r + 1.0f);
    vf power = (vf)(((vi)t << 23) + 0x3f800000);
    return v_select(x < -87.0f, (vf)0.0f, p * power);
}

// 2^x for x <= 0, relative error below 2e-7; 0 below -126, NaN for NaN. 2^x = 2^n 2^r, |r| <= 1/2; the polynomial of degree 5
// has the least largest error (9.2e-8 before rounding) of those with 1 for the constant, so that 2^0 is 1.
EK_INLINE vf v_exp2(vf x) {
    const vf magic = (vf)12582912.0f;
    vf t = x + magic;
    vf r = x - (t - magic);
    vf p = (vf)1.326472709e-3f;
    p = v_fma(p, r, (vf)9.671512682e-3f);
    p = v_fma(p, r, (vf)5.550733744e-2f);
    p = v_fma(p, r, (vf)2.402224208e-1f);
    p = v_fma(p, r, (vf)6.931469776e-1f);
    p = v_fma(p, r, (vf)1.0f);
    vf power = (vf)(((vi)t << 23) + 0x3f800000);
    return v_select(x < -126.0f, (vf)0.0f, p * power);
}

// v/2 (1 + erf(v / sqrt 2)) = max(v, 0) - |v|/2 erfc(|v| / sqrt 2), which loses no digits on either side.
// erfc(x) = (a1 t + ... + a5 t^5) e^(-x^2), t = 1 / (1 + p x): Abramowitz and Stegun 7.1.26, error below 1.5e-7.
// Returns that half of erfc for a magnitude of at most 30, and e^(-v^2 / 2).
EK_INLINE vf v_half_erfc(vf magnitude, vf *e) {
    vf x = magnitude * 0.70710678f;
    vf t = 1.0f / v_fma(x, (vf)0.3275911f, (vf)1.0f);
    vf p = (vf)1.061405429f;
    p = v_fma(p, t, (vf)-1.453152027f);
    p = v_fma(p, t, (vf)1.421413741f);
    p = v_fma(p, t, (vf)-0.284496736f);
    p = v_fma(p, t, (vf)0.254829592f);
    *e = v_exp(-x * x);
    return 0.5f * p * t * *e;
}

EK_INLINE vf v_magnitude(vf v) {
    vf magnitude = (vf)((vi)v & 0x7fffffff);
    return v_select(magnitude > 30.0f, (vf)30.0f, magnitude);
}

EK_INLINE vf v_gelu(vf v) {
    const vf magnitude = v_magnitude(v);
    vf e;
    return v_fma(-magnitude, v_half_erfc(magnitude, &e), v_select(v < 0.0f, (vf)0.0f, v));
}

EK_INLINE vf activate(vf v, const ek_activation kind) {
    if (kind == EK_RELU) return v_select(v < 0.0f, (vf)0.0f, v);
    if (kind == EK_GELU) return v_gelu(v);
    return v;
}
