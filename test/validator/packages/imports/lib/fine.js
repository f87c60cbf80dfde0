export const fine = true
