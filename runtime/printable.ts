/** A text from elsewhere as a terminal may show it: without control characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '');
}
