export const runDemo = async (..._: unknown[]): Promise<void> => {}
