/** `170,052,171 bytes`. */
export function formatBytes(count: number): string {
  return `${count.toLocaleString('en-US')} bytes`;
}
