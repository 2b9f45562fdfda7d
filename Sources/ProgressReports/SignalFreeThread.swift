import Glibc

/// Runs `body` on a detached thread that takes no signals.
package func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    withAllSignalsBlocked { startInheritingThread(body) }
}

/// Threads that `body` starts take no signals, even at their start: a thread inherits its creator's mask.
package func withAllSignalsBlocked<Result>(_ body: () -> Result) -> Result {
    var all = sigset_t()
    var previous = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
    return body()
}

private func startInheritingThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let argument = Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let status = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, argument.toOpaque())
    guard status == 0 else {
        argument.release()
        return false
    }
    pthread_detach(thread)
    return true
}
