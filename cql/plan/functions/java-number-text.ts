/** Numbers as Java prints them: `1.0`, `1.0E7`, `1.234E-5`. @see Java `Double.toString`, JDK 19 and later: shortest digits */

/** Text of a double. */
export function javaDoubleText(value: number): string {
  const magnitude = Math.abs(value);
  const shortest = magnitude.toExponential();
  // Where one digit would do, Java takes the nearest number of two.
  return javaText(value, /^\de/.test(shortest) ? magnitude.toExponential(1) : shortest);
}

/** Text of a float: the shortest digits that read back as the same float. @param value a float's value */
export function javaFloatText(value: number): string {
  const magnitude = Math.abs(value);
  for (let digits = 1; digits < 8; digits++) {
    const text = magnitude.toExponential(digits);
    if (Math.fround(Number(text)) === magnitude) return javaText(value, text);
  }
  return javaText(value, magnitude.toExponential(8));
}

/** @param exponential the magnitude as `d.ddde+x` */
function javaText(value: number, exponential: string): string {
  if (Number.isNaN(value)) return 'NaN';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (!Number.isFinite(value)) return `${sign}Infinity`;
  if (value === 0) return `${sign}0.0`;
  const [mantissa, power] = exponential.split('e') as [string, string];
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  const exponent = Number(power);
  if (exponent < -3 || exponent >= 7) return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}
