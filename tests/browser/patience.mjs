// How long tests wait for what must happen. Only a failure takes that long, so it is more than a busy machine needs.
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 120_000);

const pause = () => new Promise((done) => { setTimeout(done, 20); });

// Asks until the answer is true, or anything else that counts as true, and returns it.
export async function until(what, ask) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
        const answer = await ask();
        if (answer) return answer;
        if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
        await pause();
    }
}
