/** Within the landmark that it is opened from, and with nothing in it but its items: what a menu may hold (WAI-ARIA 1.2, `menu`). */
export const menuLook = { withinPortal: false, withInitialFocusPlaceholder: false } as const
