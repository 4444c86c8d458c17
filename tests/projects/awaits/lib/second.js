export const second = await Promise.resolve('second');
