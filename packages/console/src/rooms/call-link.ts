/** What to give others who are to come. */
export function callLink(roomId: string): string {
  return `${location.origin}/rooms/${encodeURIComponent(roomId)}/call`;
}
