// A machine's Verilog with a host on its AXI4-Lite port and a memory on its AXI4 port, as functions
// that a program calls. A whole run is one call.
//
// BEAT_BYTES is the width of the memory's bus. The host's byte order must be little-endian, as the
// bus's is: beats are copied as they lie in memory.

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <vector>

#include "Vmodel.h"
#include "verilated.h"

namespace {

constexpr unsigned kOkay = 0, kDecerr = 3;
constexpr unsigned kIncr = 1;
constexpr unsigned kSize = BEAT_BYTES == 4 ? 2 : BEAT_BYTES == 8 ? 3 : 4;
constexpr uint64_t kPage = 4096;
constexpr unsigned kResetCycles = 8;
constexpr unsigned kAccessCycles = 1000;  // a register answers in a handful

// What the machine did that AXI4 does not allow; the numbers are simulated.py's.
enum Violation { kNone, kBurstKind, kBurstPage, kWriteLast };

struct Region {
    uint64_t base;
    std::vector<uint8_t> bytes;

    bool holds(uint64_t address, uint64_t size) const {
        return address >= base && size <= bytes.size() && address - base <= bytes.size() - size;
    }
};

struct Burst {
    uint64_t address;
    uint64_t due;  // the edge that may take its first beat, or its answer
    unsigned id, beats, response;
};

class Simulation {
public:
    Simulation(unsigned read_latency, unsigned write_latency)
        : context_{new VerilatedContext}, model_{new Vmodel{context_.get()}},
          read_latency_{read_latency}, write_latency_{write_latency} {
        model_->clk = 0;
        model_->rst = 1;
        model_->m_axi_arready = model_->m_axi_awready = 1;
        model_->s_axi_bready = model_->s_axi_rready = 1;
        for (unsigned k = 0; k < kResetCycles; ++k) clock();
        model_->rst = 0;
        clock();
    }

    ~Simulation() { model_->final(); }

    void add_region(uint64_t base, uint64_t size) {
        regions_.push_back(Region{base, std::vector<uint8_t>(size)});
    }

    uint8_t* find(uint64_t address, uint64_t size) {
        for (auto& region : regions_)
            if (region.holds(address, size)) return &region.bytes[address - region.base];
        return nullptr;
    }

    // One clock cycle.
    void cycle() {
        answer();
        clock();
    }

    // Outputs are those of this cycle, and so are inputs until they are set here for the next: the
    // top has a register behind each of them.
    void answer() {
        Vmodel& top = *model_;
        if (top.s_axi_bvalid | top.s_axi_rvalid) take_answer();
        if (top.s_axi_awready) top.s_axi_awvalid = 0;
        if (top.s_axi_wready) top.s_axi_wvalid = 0;
        if (top.s_axi_arready) top.s_axi_arvalid = 0;
        if (top.m_axi_arvalid) take_read_address();
        if (top.m_axi_awvalid) take_write_address();
        if (top.m_axi_wvalid & top.m_axi_wready) take_write_data();
        ++now_;
        if (top.m_axi_rready | !top.m_axi_rvalid) give_beat();
        if (top.m_axi_bready | !top.m_axi_bvalid) give_write_answer();
        top.m_axi_wready = !writes_.empty();
    }

    void clock() {
        model_->clk = 1;
        model_->eval();
        model_->clk = 0;
        model_->eval();
    }

    // Cycles until the interrupt or a violation, at most `most`; how many there were.
    uint64_t run(uint64_t most) {
        uint64_t done = 0;
        while (done < most && !model_->irq && violation_ == kNone) {
            cycle();
            ++done;
        }
        return done;
    }

    // AXI4-Lite; the response, or −1 if there is none.
    int read(uint32_t offset, uint32_t* value) {
        answer();
        model_->s_axi_araddr = offset;
        model_->s_axi_arvalid = 1;
        const int response = await_answer();
        *value = lite_value_;
        return response;
    }

    int write(uint32_t offset, uint32_t value) {
        answer();
        model_->s_axi_awaddr = offset;
        model_->s_axi_awvalid = 1;
        model_->s_axi_wdata = value;
        model_->s_axi_wstrb = 0xF;
        model_->s_axi_wvalid = 1;
        return await_answer();
    }

    void step(uint64_t cycles) {
        while (cycles--) cycle();
    }

    uint64_t now() const { return now_; }
    bool irq() const { return model_->irq; }
    int violation() const { return violation_; }

private:
    int await_answer() {
        lite_response_ = -1;
        clock();
        for (unsigned k = 0; k < kAccessCycles && lite_response_ < 0; ++k) cycle();
        return lite_response_;
    }

    void take_answer() {
        if (model_->s_axi_bvalid) lite_response_ = model_->s_axi_bresp;
        if (model_->s_axi_rvalid) {
            lite_response_ = model_->s_axi_rresp;
            lite_value_ = model_->s_axi_rdata;
        }
    }

    void check_burst(unsigned kind, unsigned size, uint64_t address, unsigned beats) {
        if (kind != kIncr || size != kSize || address % BEAT_BYTES) violation_ = kBurstKind;
        if (address % kPage + uint64_t{beats} * BEAT_BYTES > kPage) violation_ = kBurstPage;
    }

    void take_read_address() {
        const Vmodel& top = *model_;
        const unsigned beats = top.m_axi_arlen + 1u;
        check_burst(top.m_axi_arburst, top.m_axi_arsize, top.m_axi_araddr, beats);
        reads_.push_back({top.m_axi_araddr, now_ + read_latency_, top.m_axi_arid, beats, kOkay});
    }

    void take_write_address() {
        const Vmodel& top = *model_;
        const unsigned beats = top.m_axi_awlen + 1u;
        check_burst(top.m_axi_awburst, top.m_axi_awsize, top.m_axi_awaddr, beats);
        writes_.push_back({top.m_axi_awaddr, 0, top.m_axi_awid, beats, kOkay});
    }

    void take_write_data() {
        const Vmodel& top = *model_;
        Burst& burst = writes_.front();
        if (uint8_t* place = find(burst.address, BEAT_BYTES)) {
            uint8_t beat[BEAT_BYTES];
            std::memcpy(beat, &top.m_axi_wdata, BEAT_BYTES);
            for (unsigned k = 0; k < BEAT_BYTES; ++k)
                if (top.m_axi_wstrb >> k & 1) place[k] = beat[k];
        } else {
            burst.response = kDecerr;
        }
        burst.address += BEAT_BYTES;
        if ((--burst.beats == 0) != top.m_axi_wlast) violation_ = kWriteLast;
        if (burst.beats == 0) {
            burst.due = now_ + write_latency_;
            answers_.push_back(burst);
            writes_.pop_front();
        }
    }

    // The oldest burst's next beat, if it is due; bursts are answered in the order they came.
    void give_beat() {
        Vmodel& top = *model_;
        top.m_axi_rvalid = !reads_.empty() && reads_.front().due <= now_;
        if (!top.m_axi_rvalid) return;
        Burst& burst = reads_.front();
        const uint8_t* place = find(burst.address, BEAT_BYTES);
        if (place) std::memcpy(&top.m_axi_rdata, place, BEAT_BYTES);
        else std::memset(&top.m_axi_rdata, 0, BEAT_BYTES);
        top.m_axi_rresp = place ? kOkay : kDecerr;
        top.m_axi_rid = burst.id;
        top.m_axi_rlast = burst.beats == 1;
        burst.address += BEAT_BYTES;
        if (--burst.beats == 0) reads_.pop_front();
    }

    void give_write_answer() {
        Vmodel& top = *model_;
        top.m_axi_bvalid = !answers_.empty() && answers_.front().due <= now_;
        if (!top.m_axi_bvalid) return;
        top.m_axi_bid = answers_.front().id;
        top.m_axi_bresp = answers_.front().response;
        answers_.pop_front();
    }

    std::unique_ptr<VerilatedContext> context_;
    std::unique_ptr<Vmodel> model_;
    std::vector<Region> regions_;
    std::deque<Burst> reads_, writes_, answers_;
    const unsigned read_latency_, write_latency_;
    uint64_t now_ = 0;
    int violation_ = kNone;
    int lite_response_ = -1;
    uint32_t lite_value_ = 0;
};

Simulation* self(void* handle) { return static_cast<Simulation*>(handle); }

}  // namespace

extern "C" {

void* alembert_open(uint32_t read_latency, uint32_t write_latency) {
    return new (std::nothrow) Simulation{read_latency, write_latency};
}

void alembert_close(void* handle) { delete self(handle); }

int alembert_add_region(void* handle, uint64_t base, uint64_t size) {
    try {
        self(handle)->add_region(base, size);
    } catch (const std::bad_alloc&) {
        return -1;
    }
    return 0;
}

int alembert_load(void* handle, uint64_t address, uint8_t* to, uint64_t size) {
    const uint8_t* from = self(handle)->find(address, size);
    if (!from) return -1;
    std::memcpy(to, from, size);
    return 0;
}

int alembert_store(void* handle, uint64_t address, const uint8_t* from, uint64_t size) {
    uint8_t* to = self(handle)->find(address, size);
    if (!to) return -1;
    std::memcpy(to, from, size);
    return 0;
}

int alembert_read(void* handle, uint32_t offset, uint32_t* value) {
    return self(handle)->read(offset, value);
}

int alembert_write(void* handle, uint32_t offset, uint32_t value) {
    return self(handle)->write(offset, value);
}

uint64_t alembert_run(void* handle, uint64_t cycles) { return self(handle)->run(cycles); }

void alembert_step(void* handle, uint64_t cycles) { self(handle)->step(cycles); }

uint64_t alembert_cycles(void* handle) { return self(handle)->now(); }

int alembert_irq(void* handle) { return self(handle)->irq(); }

int alembert_violation(void* handle) { return self(handle)->violation(); }

}  // extern "C"
