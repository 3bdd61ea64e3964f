// What a client connects to in place of a server: it cuts everybody off when it is told to.
import net from "node:net";

/** In front of the server on the port that `port()` names. */
export const cutting = async (port) => {
  const sockets = new Set();
  let open = true;
  const proxy = net.createServer((near) => {
    if (!open) return near.destroy();
    const far = net.connect(port(), "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const cutOff = () => sockets.forEach((socket) => socket.destroy());
  return {
    address: `127.0.0.1:${proxy.address().port}/graphql`,
    cutOff,
    /** Lets nobody through until it is opened again. */
    close() {
      open = false;
      cutOff();
    },
    open() {
      open = true;
    },
  };
};
