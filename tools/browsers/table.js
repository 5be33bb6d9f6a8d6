export async function writeTable() {}
