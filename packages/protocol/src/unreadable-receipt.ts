/** The error of a delivery whose receipt was of no known shape: the server's words, not the screen's. */
export const UNREADABLE_RECEIPT = 'The receipt was not valid.';
